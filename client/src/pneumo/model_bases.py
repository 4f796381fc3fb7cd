"""What the generated response models build on, and responses that openapi.json does not describe.

Fields that are newer than this version are ignored; states that it does not know stay strings.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DISCLAIMER = "Research software. Not a medical device; no answer is a diagnosis."
"""To be shown wherever predictions are shown."""

ENDED_STATES = frozenset(("succeeded", "rejected", "failed", "cancelled"))
"""States of a job that has ended."""

Gaps = tuple[float | None, ...]
"""Numbers of which some are undefined."""


class ResponseModel(BaseModel):
    """Base of every response."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Pending(ResponseModel):
    """An accepted request without an outcome yet. retry_after_s: when to poll."""

    id: str
    status: Literal["pending"] = "pending"
    retry_after_s: float | None = None


class Health(ResponseModel):
    """Whether the gateway accepts requests; its conditions, and the services that it depends on."""

    status: str
    checks: Mapping[str, bool] = Field(default_factory=dict)
    dependencies: Mapping[str, bool] = Field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether it accepts requests now."""
        return self.status == "ready"


class StatefulJob(ResponseModel):
    """A job's id and state: queued, running, evaluating, or one of ENDED_STATES."""

    id: str
    state: str

    @property
    def has_ended(self) -> bool:
        """Whether its state is final."""
        return self.state in ENDED_STATES


class EpochValidation(ResponseModel):
    """Metrics on the validation images after one epoch."""

    loss: float | None = None
    accuracy: float | None = None
    balanced_accuracy: float | None = None


class ValidationCurves(ResponseModel):
    """Metrics on the validation images after each epoch."""

    loss: Gaps = ()
    accuracy: Gaps = ()
    balanced_accuracy: Gaps = ()
