"""What the gateway answers, as frozen values; fields that are new to this version are ignored."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DISCLAIMER = "Research software. Not a medical device; no answer is a diagnosis."
"""To be shown wherever answers are."""

ENDED_STATES = frozenset(("succeeded", "rejected", "failed", "cancelled"))
"""States of a job that has ended."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ModelRef(_Answer):
    """The model version that made an answer."""

    name: str
    version: str


class Prediction(_Answer):
    """The answer to one radiograph. Research software: no diagnosis.

    probabilities: calibrated, by class; they sum to 1. confidence: the probability of `label`.
    in_domain: whether the picture looks like a chest radiograph at all. explanation: only where
    one was asked for and the model can give one. preview: a small grey PNG of a DICOM file, where
    one was asked for: content_type, width, height, base64.
    """

    id: str
    label: str
    confidence: float
    probabilities: Mapping[str, float]
    model: ModelRef
    status: Literal["succeeded"] = "succeeded"
    in_domain: bool = True
    warnings: tuple[str, ...] = ()
    filename: str | None = None
    explanation: Mapping[str, Any] | None = None
    preview: Mapping[str, Any] | None = None
    insights: Mapping[str, Any] | None = None


class Pending(_Answer):
    """Accepted; the outcome can be asked for by id. retry_after_s: when to ask."""

    id: str
    status: Literal["pending"] = "pending"
    retry_after_s: float | None = None


class UploadedImage(_Answer):
    """A labelled image that the broker has confirmed.

    upload_id: of the request that sent it; None from a gateway of release 0.1.0.
    """

    id: str
    sha256: str
    filename: str | None = None
    label: str
    upload_id: str | None = None


class RejectedImage(_Answer):
    """A file that was not taken, and why."""

    filename: str | None = None
    code: str
    detail: str


class UploadReport(_Answer):
    """What became of every file of an upload."""

    accepted: tuple[UploadedImage, ...] = ()
    rejected: tuple[RejectedImage, ...] = ()


class Dataset(_Answer):
    """Counts over the stored images; conflicts: those whose label is disputed."""

    total: int
    by_class: Mapping[str, int]
    by_source: Mapping[str, int]
    conflicts: int


class DatasetImage(_Answer):
    """What is known of one stored image."""

    sha256: str
    label: str
    patient: str | None = None
    source: str
    content_type: str
    size_bytes: int
    created_at_ms: int
    conflict: tuple[str, ...] = ()
    upload_id: str | None = None


class ImagePage(_Answer):
    """Stored images, newest first. next: the cursor of the next page; None on the last one."""

    images: tuple[DatasetImage, ...]
    next: str | None = None


class DeletedImages(_Answer):
    """How many images one request deleted, and how many still match."""

    deleted: int
    left: int


class GateCheck(_Answer):
    """One condition of the gate: `value` must be `relation` (>= or <=) `bound`."""

    name: str
    value: float
    bound: float
    relation: str
    passed: bool


class Gate(_Answer):
    """The verdict on a candidate, with the figures of both models on the same images."""

    accepted: bool
    checks: tuple[GateCheck, ...] = ()
    current_version: str
    current: Mapping[str, float] = Field(default_factory=dict)
    candidate: Mapping[str, float] = Field(default_factory=dict)
    images: int = 0


class EpochValidation(_Answer):
    """Figures on the validation pictures after an epoch."""

    loss: float | None = None
    accuracy: float | None = None
    balanced_accuracy: float | None = None


class Epoch(_Answer):
    """One pass of a training over its pictures."""

    epoch: int
    loss: float | None = None
    validation: EpochValidation = Field(default_factory=EpochValidation)


class JobState(_Answer):
    """Where a job stands. progress: 0 to 1. seconds_left: estimated, None where nobody knows.

    state: queued, running, evaluating, or one of ENDED_STATES. model_version: of the candidate.
    curves: the epochs so far, of a job of mode full; a fast one has none.
    """

    id: str
    state: str
    phase: str = ""
    progress: float = 0.0
    seconds_left: float | None = None
    metrics: Mapping[str, float] = Field(default_factory=dict)
    curves: tuple[Epoch, ...] = ()
    gate: Gate | None = None
    model_version: str | None = None
    error: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED_STATES


class Job(JobState):
    """A training job. attempt: how often a trainer has taken it."""

    mode: str
    policy: str
    seed: int
    attempt: int = 0
    cancel_requested: bool = False
    requested_at_ms: int
    updated_at_ms: int


class JobEvent(JobState):
    """One message of a job's stream: all there is to say of it at that moment."""

    at_ms: int


class Lineage(_Answer):
    """Where a model came from."""

    data_sha256: str
    code_version: str
    seed: int
    parent: str | None = None
    trained_at_ms: int


class Model(_Answer):
    """One model version. state: candidate, current, retired or rejected."""

    name: str
    version: str
    state: str
    bundle_sha256: str
    classes: tuple[str, ...]
    metrics: Mapping[str, float]
    lineage: Lineage
    created_at_ms: int
    promoted_at_ms: int | None = None


class ModelDetail(Model):
    """The same with its manifest, and its card if the bundle has one."""

    manifest: Mapping[str, Any]
    card: Mapping[str, Any] | None = None


class WorkerModel(_Answer):
    """What one worker has loaded, and which version it refuses, if it does."""

    id: str
    version: str | None = None
    ready: bool
    refused_version: str | None = None
    refusal_code: str | None = None
    refusal: str | None = None


class CurrentModel(_Answer):
    """The current model and who serves it. classes: None while nobody can tell."""

    name: str
    version: str
    classes: tuple[str, ...] | None = None
    workers: tuple[WorkerModel, ...] = ()


class Health(_Answer):
    """Whether the gateway takes requests, each condition for it, and what it needs of others."""

    status: str
    checks: Mapping[str, bool] = Field(default_factory=dict)
    dependencies: Mapping[str, bool] = Field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether it takes work now."""
        return self.status == "ready"
