"""Metrics that panels ask for and no service exports, each with the reason. To be empty."""

from collections.abc import Mapping

MISSING: Mapping[str, str] = {}
