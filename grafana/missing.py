"""Metrics that panels ask for and no service exports, each with the reason. To be empty."""

from collections.abc import Mapping

from grafana import metrics as m

MISSING: Mapping[str, str] = {
    m.DRIFT_INDEX: "no service compares inputs with the training reference",
}
