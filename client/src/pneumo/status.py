"""The earlier module of these models, removed in the next release: use `pneumo`."""

from pneumo.models import *  # noqa: F403
