"""Training jobs: the command, where a job stands, what a trainer says of it, and the gate."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from shared.contracts.bundle import Version
from shared.contracts.message import Message

JobState = Literal[
    "queued", "running", "evaluating", "succeeded", "rejected", "failed", "cancelled"
]
Terminal = Literal["succeeded", "rejected", "failed", "cancelled"]
Mode = Literal["fast", "full"]
Policy = Literal["auto", "manual"]

TERMINAL_STATES: frozenset[str] = frozenset(("succeeded", "rejected", "failed", "cancelled"))

MAX_EPOCHS = 200
"""Of which a job's curves are told: they travel in every event of it."""


class TrainModel(Message):
    """Command on `train.commands` (key: job id). policy auto: an accepted candidate is promoted."""

    schema_: Literal["train.command/1"] = "train.command/1"
    id: str
    mode: Mode = "fast"
    policy: Policy = "auto"
    seed: int = 0
    requested_at_ms: int


class GateCheck(Message):
    """One condition of the gate: value must be at least (`>=`) or at most (`<=`) bound."""

    name: str
    value: float
    bound: float
    relation: Literal[">=", "<="]
    passed: bool


class GateReport(Message):
    """The verdict on a candidate, with the figures of both models on the same images."""

    accepted: bool
    checks: tuple[GateCheck, ...]
    current_version: Version
    current: dict[str, float] = Field(default_factory=dict)
    candidate: dict[str, float] = Field(default_factory=dict)
    images: int = Field(ge=0)


class EpochFigures(Message):
    """One epoch of a training, from 1. loss: of training. validation: figures by name."""

    epoch: int = Field(ge=1)
    loss: FiniteFloat
    validation: dict[str, FiniteFloat] = Field(default_factory=dict)


Curves = Annotated[tuple[EpochFigures, ...], Field(max_length=MAX_EPOCHS)]
"""The epochs that are done, in order; none where a training has no epochs."""


class TrainEvent(Message):
    """Event on `train.events` (key: job id): where the job stands now.

    progress: 0 to 1. seconds_left: estimated; None where nobody knows.
    """

    schema_: Literal["train.event/1"] = "train.event/1"
    id: str
    state: JobState
    phase: str = ""
    progress: float = 0.0
    seconds_left: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    curves: Curves = ()
    gate: GateReport | None = None
    model_version: str | None = None
    error: str | None = None
    at_ms: int


class Job(Message):
    """A training job as the registry keeps it; the registry alone changes it.

    attempt: how often a trainer has taken it. seconds_left as in TrainEvent.
    """

    id: str
    mode: Mode
    policy: Policy
    seed: int
    state: JobState
    phase: str = ""
    progress: float = Field(default=0.0, ge=0.0, le=1.0)
    seconds_left: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    curves: Curves = ()
    gate: GateReport | None = None
    model_version: Version | None = None
    error: str | None = None
    attempt: int = 0
    cancel_requested: bool = False
    requested_at_ms: int
    updated_at_ms: int


class JobList(Message):
    """Jobs, newest first. modes: those that trainers offer; None where this is unknown."""

    jobs: tuple[Job, ...]
    modes: tuple[Mode, ...] | None = None


class NewJob(Message):
    """Body of the registry's POST /v1/jobs. id: a UUIDv7; the same id again is the same job."""

    id: str
    mode: Mode = "fast"
    policy: Policy = "auto"
    seed: int = 0


class Claim(Message):
    """Body of POST /v1/jobs/{id}/lease: `holder` wants to work on the job for `ttl_s`."""

    holder: str
    ttl_s: float = Field(gt=0.0, le=3600.0)


class Release(Message):
    """Body of POST /v1/jobs/{id}/release: `holder` shuts down, and another may take the job."""

    holder: str


class JobReport(Message):
    """Body of PUT /v1/jobs/{id}/report: the holder's heartbeat; the lease runs anew."""

    holder: str
    ttl_s: float = Field(gt=0.0, le=3600.0)
    state: Literal["running", "evaluating"]
    phase: str = ""
    progress: float = Field(default=0.0, ge=0.0, le=1.0)
    seconds_left: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    curves: Curves = ()


class JobOutcome(Message):
    """Body of POST /v1/jobs/{id}/outcome: how it ended. model_version: a registered candidate.

    `succeeded` needs a model version and an accepting gate; `rejected` a refusing one; `failed`
    an error.
    """

    holder: str
    state: Terminal
    metrics: dict[str, float] = Field(default_factory=dict)
    gate: GateReport | None = None
    model_version: Version | None = None
    error: str | None = None
