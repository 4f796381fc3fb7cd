"""The earlier module of these models, removed in the next release: use `pneumo.models`."""

from pneumo.model_bases import *  # noqa: F403
from pneumo.models import *  # noqa: F403
