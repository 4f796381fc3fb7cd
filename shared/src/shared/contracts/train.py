"""Training jobs: the command, and the events that tell how it went."""

from typing import Literal

from pydantic import Field

from shared.contracts.message import Message

JobState = Literal[
    "queued", "running", "evaluating", "succeeded", "rejected", "failed", "cancelled"
]


class TrainModel(Message):
    """Command on `train.commands` (key: job id)."""

    schema_: Literal["train.command/1"] = "train.command/1"
    id: str
    mode: Literal["fast", "full"] = "fast"
    seed: int = 0
    requested_at_ms: int


class TrainEvent(Message):
    """Event on `train.events` (key: job id): where the job stands now."""

    schema_: Literal["train.event/1"] = "train.event/1"
    id: str
    state: JobState
    phase: str = ""
    progress: float = 0.0
    metrics: dict[str, float] = Field(default_factory=dict)
    model_version: str | None = None
    error: str | None = None
    at_ms: int
