"""The responses of the gateway as frozen Pydantic models.

Generated from docs/reference/openapi.json by client/generate.py; do not edit.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from pneumo.model_bases import (
    EpochValidation,
    Gaps,
    ResponseModel,
    StatefulJob,
    ValidationCurves,
)


class ModelRef(ResponseModel):
    """The model version of a prediction."""

    name: str
    version: str


class Prediction(ResponseModel):
    """The prediction for one image. Research software: no diagnosis.

    probabilities: calibrated, by class; they sum to 1. confidence: the probability of
    `label`. in_domain: whether the image looks like a chest radiograph. explanation: if
    requested and supported by the model. preview: a small grey PNG of a DICOM file, if
    requested: content_type, width, height, base64.
    """

    status: Literal["succeeded"] = "succeeded"
    id: str
    label: str
    confidence: float
    probabilities: Mapping[str, float]
    model: ModelRef
    in_domain: bool = True
    warnings: tuple[str, ...] = ()
    explanation: Mapping[str, Any] | None = None
    filename: str | None = None
    preview: Mapping[str, Any] | None = None
    insights: Mapping[str, Any] | None = None


class UploadedImage(ResponseModel):
    """A labelled image that the broker has confirmed. upload_id: of its request."""

    id: str
    sha256: str
    filename: str | None = None
    label: str
    upload_id: str | None = None


class RejectedImage(ResponseModel):
    """A file that was not accepted, and why."""

    filename: str | None = None
    code: str
    detail: str


class UploadReport(ResponseModel):
    """The outcome of every file of an upload."""

    accepted: tuple[UploadedImage, ...] = ()
    rejected: tuple[RejectedImage, ...] = ()


class Dataset(ResponseModel):
    """Counts over the stored images; conflicts: images whose label is disputed."""

    total: int
    by_class: Mapping[str, int]
    by_source: Mapping[str, int]
    conflicts: int


class DatasetImage(ResponseModel):
    """What is stored about one image."""

    sha256: str
    label: str
    patient: str | None = None
    source: str
    content_type: str
    size_bytes: int
    created_at_ms: int
    conflict: tuple[str, ...] = ()
    upload_id: str | None = None


class ImagePage(ResponseModel):
    """Stored images, newest first. next: the cursor of the next page; None on the last one."""

    images: tuple[DatasetImage, ...]
    next: str | None = None


class DeletedImages(ResponseModel):
    """How many images one request deleted, and how many still match."""

    deleted: int
    left: int


class GateCheck(ResponseModel):
    """One condition of the gate: `value` must be `relation` (>= or <=) `bound`."""

    name: str
    value: float
    bound: float
    relation: str
    passed: bool


class Gate(ResponseModel):
    """The verdict on a candidate, with the metrics of both models on the same images."""

    accepted: bool
    checks: tuple[GateCheck, ...] = ()
    current_version: str
    current: Mapping[str, float] = Field(default_factory=dict)
    candidate: Mapping[str, float] = Field(default_factory=dict)
    images: int = 0


class Epoch(ResponseModel):
    """One epoch of a training."""

    epoch: int
    loss: float | None = None
    validation: EpochValidation = Field(default_factory=EpochValidation)


class JobState(StatefulJob):
    """A job's progress. progress: 0 to 1. seconds_left: estimated, None if unknown.

    model_version: of the candidate. curves: the epochs so far, of a job of mode full.
    """

    phase: str = ""
    progress: float = 0.0
    seconds_left: float | None = None
    metrics: Mapping[str, float] = Field(default_factory=dict)
    curves: tuple[Epoch, ...] = ()
    gate: Gate | None = None
    model_version: str | None = None
    error: str | None = None


class Job(JobState):
    """A training job. attempt: how often a trainer has started it."""

    mode: str
    policy: str
    seed: int
    attempt: int = 0
    cancel_requested: bool = False
    requested_at_ms: int
    updated_at_ms: int


class JobEvent(JobState):
    """One message of a job's event stream: its whole state at that time."""

    at_ms: int


class JobList(ResponseModel):
    """The newest jobs, and the modes that trainers offer."""

    jobs: tuple[Job, ...]
    modes: tuple[str, ...] | None = None


class Lineage(ResponseModel):
    """The origin of a model."""

    data_sha256: str
    code_version: str
    seed: int
    parent: str | None = None
    trained_at_ms: int


class Model(ResponseModel):
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
    """A model version with its manifest, and its card if the bundle has one."""

    manifest: Mapping[str, Any]
    card: Mapping[str, Any] | None = None


class ModelList(ResponseModel):
    """Every model version, oldest first."""

    models: tuple[Model, ...]


class WorkerModel(ResponseModel):
    """The version that a worker has loaded, and the one that it refuses, if any."""

    id: str
    version: str | None = None
    ready: bool
    refused_version: str | None = None
    refusal_code: str | None = None
    refusal: str | None = None


class CurrentModel(ResponseModel):
    """The current model and the workers that serve it. classes: None if unknown."""

    name: str
    version: str
    classes: tuple[str, ...] | None = None
    workers: tuple[WorkerModel, ...] = ()


class StatusModel(ModelRef):
    """The current model as it was announced. promoted_at: ISO 8601."""

    promoted_at: str | None = None


class StatusWorker(WorkerModel):
    """A worker's last report. last_seen: ISO 8601. Rates are None until its second report."""

    model: str | None = None
    partitions: int = 0
    predictions: int = 0
    last_seen: str | None = None
    predictions_per_second: float | None = None


class Broker(ResponseModel):
    """Whether the gateway reaches Kafka."""

    reachable: bool


class LastRetrain(ResponseModel):
    """The newest job that has ended. at: ISO 8601. accepted: by the gate."""

    id: str
    state: str
    at: str
    model_version: str | None = None
    accepted: bool | None = None


class Lag(ResponseModel):
    """Records of a topic that a consumer group has not committed."""

    topic: str
    group: str
    records: int


class SeenError(ResponseModel):
    """Problems of one code on one route of this gateway. first_at, last_at: ISO 8601."""

    code: str
    status: int
    route: str
    count: int
    first_at: str
    last_at: str


class Load(ResponseModel):
    """The requests in flight at this gateway, and its admission control."""

    in_flight: int = 0
    in_flight_bytes: int = 0
    backlog: int = 0
    estimated_wait_seconds: float | None = None
    rejected: Mapping[str, int] = Field(default_factory=dict)
    late: Mapping[str, int] = Field(default_factory=dict)


class Status(ResponseModel):
    """The system as one gateway sees it. errors: newest first."""

    uptime_seconds: float
    ready: bool | None = None
    readiness: Mapping[str, bool] = Field(default_factory=dict)
    num_predictions: int
    predictions_per_second: float | None = None
    last_retrain_time: str | None = None
    last_retrain: LastRetrain | None = None
    current_model: StatusModel | None = None
    workers: tuple[StatusWorker, ...] = ()
    broker: Broker
    lag: tuple[Lag, ...] = ()
    load: Load | None = None
    errors: tuple[SeenError, ...] = ()


class Distribution(ResponseModel):
    """Usable images per class."""

    counts: tuple[int, ...]
    ratio: float | None = None
    interpretation: str = ""


class Samples(ResponseModel):
    """Some images of each class, by sha256."""

    images: tuple[tuple[str, ...], ...] = ()
    available: tuple[int, ...] = ()
    interpretation: str = ""


class Spread(ResponseModel):
    """The distribution of a measure over the images of one class."""

    pictures: int
    mean: float
    deviation: float
    quartiles: tuple[float, float, float]


class Intensity(ResponseModel):
    """Grey levels: the share of pixels between two edges, one histogram per class."""

    classes: tuple[str, ...]
    edges: tuple[float, ...]
    histograms: tuple[tuple[float, ...], ...]
    spreads: tuple[Spread, ...] = ()
    interpretation: str = ""


class EdgeDensity(ResponseModel):
    """The share of pixels that are on an edge."""

    classes: tuple[str, ...]
    spreads: tuple[Spread, ...]
    interpretation: str = ""


class DatasetInsights(ResponseModel):
    """The stored images as a training would use them; an empty dataset has none of the parts."""

    images: int
    measured: int = 0
    left_out: int = 0
    complete: bool = True
    classes: tuple[str, ...] = ()
    distribution: Distribution | None = None
    samples: Samples | None = None
    intensity: Intensity | None = None
    edge_density: EdgeDensity | None = None


class LearnedClass(ResponseModel):
    """A class that a model learned, and from how many images."""

    name: str
    images: int = 0
    patients: int | None = None
    uploads: int = 0


class TrainedOn(ResponseModel):
    """The training data of a model."""

    classes: tuple[LearnedClass, ...]
    parent: str | None = None
    interpretation: str = ""


class Curves(ResponseModel):
    """A training, epoch by epoch."""

    epochs: tuple[int, ...]
    loss: Gaps
    validation: ValidationCurves = Field(default_factory=ValidationCurves)
    best_epoch: int | None = None
    interpretation: str = ""


class Confusion(ResponseModel):
    """Counts: true label in rows, reported label in columns."""

    classes: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    interpretation: str = ""


class Roc(ResponseModel):
    """Sensitivity against the false positive rate, over all thresholds."""

    false_positive_rate: tuple[float, ...]
    sensitivity: tuple[float, ...]
    auc: float | None = None


class PrecisionRecall(ResponseModel):
    """Precision against recall, over all thresholds."""

    recall: tuple[float, ...]
    precision: Gaps
    average_precision: float | None = None


class Bin(ResponseModel):
    """Predictions of similar probability: the mean prediction, and the observed rate."""

    low: float
    high: float
    predicted: float
    observed: float
    count: int


class Reliability(ResponseModel):
    """Calibration: predicted against observed. ece: expected calibration error."""

    bins: tuple[Bin, ...]
    ece: float | None = None
    interpretation: str = ""


class Thresholds(ResponseModel):
    """The counts and rates of each threshold; all sequences are as long as `threshold`."""

    threshold: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    true_negatives: tuple[int, ...]
    false_negatives: tuple[int, ...]
    sensitivity: tuple[float | None, ...]
    specificity: tuple[float | None, ...]
    ppv: tuple[float | None, ...]
    npv: tuple[float | None, ...]
    f1: tuple[float | None, ...] = ()


class Chosen(ResponseModel):
    """The decision rule of the bundle."""

    threshold: float


class Target(ResponseModel):
    """One yes-or-no question, and the model's score for it."""

    name: str
    positives: int
    negatives: int
    roc: Roc | None = None
    precision_recall: PrecisionRecall | None = None
    reliability: Reliability | None = None
    thresholds: Thresholds | None = None
    chosen: Chosen | None = None
    interpretation: str = ""


class Judged(ResponseModel):
    """A model's predictions on images whose true label is known."""

    examples: int
    patients: int | None = None
    note: str | None = None
    figures: dict[str, float | None] = Field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    confusion: Confusion | None = None
    interpretation: str = ""
    prevalence: float | None = None
    targets: tuple[Target, ...] = ()


class ModelInsights(ResponseModel):
    """The evaluation of one model version; a part that is unavailable is None."""

    name: str
    version: str
    classes: tuple[str, ...]
    reference_class: str
    threshold: float | None = None
    trained_on: TrainedOn | None = None
    curves: Curves | None = None
    validation: Judged | None = None
    test: Judged | None = None
