"""Which schemas of openapi.json each of the client's response models has its fields from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAPPING = "Mapping[str, Any]"


@dataclass(frozen=True)
class ModelSource:
    """How a model differs from its schemas (several: the union of their fields).

    base: a class whose fields are not repeated. omitted: fields that the client does not show.
    optional: required by the schema, but an older gateway may lack it, or the number may be
    undefined, which JSON writes as null. typed: annotations that the schema cannot express.
    """

    doc: str
    schemas: Sequence[str]
    base: str = "ResponseModel"
    inherited: Sequence[str] = ()
    omitted: Sequence[str] = ()
    optional: Sequence[str] = ()
    typed: Mapping[str, str] = field(default_factory=dict)


_JOB_STATE = (
    *("id", "state", "phase", "progress", "seconds_left", "metrics", "curves", "gate"),
    *("model_version", "error"),
)
_JOB_ONLY = (
    *("mode", "policy", "seed", "attempt", "cancel_requested", "requested_at_ms"),
    "updated_at_ms",
)
_WORKER = ("id", "version", "ready", "refused_version", "refusal_code", "refusal")
_MODEL = (
    *("name", "version", "state", "bundle_sha256", "classes", "metrics", "lineage"),
    *("created_at_ms", "promoted_at_ms"),
)
_ANYTHING = f"{MAPPING} | None = None"

MODELS: Mapping[str, ModelSource] = {
    "ModelRef": ModelSource("The model version of a prediction.", ["ModelRef"]),
    "Prediction": ModelSource(
        "The prediction for one image. Research software: no diagnosis.\n\n"
        "probabilities: calibrated, by class; they sum to 1. confidence: the probability of\n"
        "`label`. in_domain: whether the image looks like a chest radiograph. explanation: if\n"
        "requested and supported by the model. preview: a small grey PNG of a DICOM file, if\n"
        "requested: content_type, width, height, base64.",
        ["Succeeded"],
        omitted=["timings"],
        typed={
            "explanation": _ANYTHING,
            "filename": "str | None = None",
            "preview": _ANYTHING,
            "insights": _ANYTHING,
        },
    ),
    "UploadedImage": ModelSource(
        "A labelled image that the broker has confirmed. upload_id: of its request.",
        ["AcceptedUpload"],
        optional=["upload_id"],
    ),
    "RejectedImage": ModelSource("A file that was not accepted, and why.", ["RejectedUpload"]),
    "UploadReport": ModelSource(
        "The outcome of every file of an upload.",
        ["UploadAnswer"],
        omitted=["accepted_count", "rejected_count"],
        optional=["accepted", "rejected"],
    ),
    "Dataset": ModelSource(
        "Counts over the stored images; conflicts: images whose label is disputed.",
        ["DatasetSummary"],
    ),
    "DatasetImage": ModelSource("What is stored about one image.", ["DatasetImage"]),
    "ImagePage": ModelSource(
        "Stored images, newest first. next: the cursor of the next page; None on the last one.",
        ["DatasetPage"],
    ),
    "DeletedImages": ModelSource(
        "How many images one request deleted, and how many still match.", ["DeletedImages"]
    ),
    "GateCheck": ModelSource(
        "One condition of the gate: `value` must be `relation` (>= or <=) `bound`.", ["GateCheck"]
    ),
    "Gate": ModelSource(
        "The verdict on a candidate, with the metrics of both models on the same images.",
        ["GateReport"],
        optional=["checks", "images"],
    ),
    "Epoch": ModelSource(
        "One epoch of a training.",
        ["EpochFigures"],
        optional=["loss"],
        typed={"validation": "EpochValidation = Field(default_factory=EpochValidation)"},
    ),
    "JobState": ModelSource(
        "A job's progress. progress: 0 to 1. seconds_left: estimated, None if unknown.\n\n"
        "model_version: of the candidate. curves: the epochs so far, of a job of mode full.",
        ["Job"],
        base="StatefulJob",
        inherited=["id", "state"],
        omitted=_JOB_ONLY,
    ),
    "Job": ModelSource(
        "A training job. attempt: how often a trainer has started it.",
        ["Job"],
        base="JobState",
        inherited=_JOB_STATE,
    ),
    "JobEvent": ModelSource(
        "One message of a job's event stream: its whole state at that time.",
        [],
        base="JobState",
        typed={"at_ms": "int"},
    ),
    "JobList": ModelSource("The newest jobs, and the modes that trainers offer.", ["JobList"]),
    "Lineage": ModelSource("The origin of a model.", ["Lineage"]),
    "Model": ModelSource(
        "One model version. state: candidate, current, retired or rejected.", ["ModelSummary"]
    ),
    "ModelDetail": ModelSource(
        "A model version with its manifest, and its card if the bundle has one.",
        ["ModelDetail"],
        base="Model",
        inherited=_MODEL,
        typed={"manifest": MAPPING},
    ),
    "ModelList": ModelSource("Every model version, oldest first.", ["ModelList"]),
    "WorkerModel": ModelSource(
        "The version that a worker has loaded, and the one that it refuses, if any.",
        ["WorkerModel"],
        omitted=["paused"],
    ),
    "CurrentModel": ModelSource(
        "The current model and the workers that serve it. classes: None if unknown.",
        ["CurrentModelAnswer"],
        optional=["workers"],
    ),
    "StatusModel": ModelSource(
        "The current model as it was announced. promoted_at: ISO 8601.",
        ["ServedModel"],
        base="ModelRef",
        inherited=["name", "version"],
        optional=["promoted_at"],
    ),
    "StatusWorker": ModelSource(
        "A worker's last report. last_seen: ISO 8601. Rates are None until its second report.",
        ["WorkerNow"],
        base="WorkerModel",
        inherited=_WORKER,
        optional=["partitions", "predictions", "last_seen"],
    ),
    "Broker": ModelSource("Whether the gateway reaches Kafka.", ["Broker"]),
    "LastRetrain": ModelSource(
        "The newest job that has ended. at: ISO 8601. accepted: by the gate.", ["LastRetrain"]
    ),
    "Lag": ModelSource("Records of a topic that a consumer group has not committed.", ["GroupLag"]),
    "SeenError": ModelSource(
        "Problems of one code on one route of this gateway. first_at, last_at: ISO 8601.",
        ["ProblemLine"],
    ),
    "Load": ModelSource(
        "The requests in flight at this gateway, and its admission control.",
        ["LoadNow"],
        optional=[
            *("in_flight", "in_flight_bytes", "backlog", "estimated_wait_seconds"),
            *("rejected", "late"),
        ],
    ),
    "Status": ModelSource(
        "The system as one gateway sees it. errors: newest first.",
        ["StatusAnswer"],
        optional=["ready", "readiness", "workers", "lag", "load", "errors"],
    ),
    "Distribution": ModelSource("Usable images per class.", ["ClassCounts"]),
    "Samples": ModelSource(
        "Some images of each class, by sha256.", ["SampleImages"], optional=["images", "available"]
    ),
    "Spread": ModelSource(
        "The distribution of a measure over the images of one class.",
        ["ClassSpread"],
        typed={"quartiles": "tuple[float, float, float]"},
    ),
    "Intensity": ModelSource(
        "Grey levels: the share of pixels between two edges, one histogram per class.",
        ["PixelIntensity"],
        typed={"edges": "tuple[float, ...]"},
        omitted=["contrast"],
        optional=["spreads"],
    ),
    "EdgeDensity": ModelSource(
        "The share of pixels that are on an edge.", ["EdgeDensities"], omitted=["contrast"]
    ),
    "DatasetInsights": ModelSource(
        "The stored images as a training would use them; an empty dataset has none of the parts.",
        ["DatasetInsights"],
        omitted=["snapshot_sha256"],
        optional=["measured", "left_out", "classes"],
        typed={"complete": "bool = True"},
    ),
    "LearnedClass": ModelSource(
        "A class that a model learned, and from how many images.", ["LearnedClass"]
    ),
    "TrainedOn": ModelSource(
        "The training data of a model.",
        ["TrainedOn"],
        omitted=["layout", "sha256", "duplicates_left_out", "conflicts_left_out"],
    ),
    "Curves": ModelSource(
        "A training, epoch by epoch.",
        ["History"],
        typed={
            "loss": "Gaps",
            "validation": "ValidationCurves = Field(default_factory=ValidationCurves)",
        },
    ),
    "Confusion": ModelSource(
        "Counts: true label in rows, reported label in columns.", ["Confusion"]
    ),
    "Roc": ModelSource(
        "Sensitivity against the false positive rate, over all thresholds.",
        ["RocCurve"],
        optional=["auc"],
    ),
    "PrecisionRecall": ModelSource(
        "Precision against recall, over all thresholds.",
        ["PrecisionRecall"],
        optional=["average_precision"],
        typed={"precision": "Gaps"},
    ),
    "Bin": ModelSource(
        "Predictions of similar probability: the mean prediction, and the observed rate.",
        ["ReliabilityBin"],
    ),
    "Reliability": ModelSource(
        "Calibration: predicted against observed. ece: expected calibration error.",
        ["Reliability"],
        optional=["ece"],
    ),
    "Thresholds": ModelSource(
        "The counts and rates of each threshold; all sequences are as long as `threshold`.",
        ["Thresholds"],
        optional=["f1"],
    ),
    "Chosen": ModelSource(
        "The decision rule of the bundle.",
        ["OperatingPoint"],
        omitted=[
            *("true_positives", "false_positives", "true_negatives", "false_negatives"),
            *("sensitivity", "specificity", "ppv", "npv", "f1"),
        ],
    ),
    "Target": ModelSource(
        "One yes-or-no question, and the model's score for it.",
        ["Target"],
        optional=["thresholds"],
    ),
    "Judged": ModelSource(
        "A model's predictions on images whose true label is known.",
        ["ValidationInsights", "FrozenTest"],
        omitted=["by_class", "data_sha256"],
        optional=["prevalence"],
        typed={
            "note": "str | None = None",
            "figures": "dict[str, float | None] = Field(default_factory=dict)",
            "intervals": "dict[str, tuple[float, float]] = Field(default_factory=dict)",
            "confusion": "Confusion | None = None",
            "targets": "tuple[Target, ...] = ()",
        },
    ),
    "ModelInsights": ModelSource(
        "The evaluation of one model version; a part that is unavailable is None.",
        ["ModelInsights"],
        optional=["threshold"],
        typed={"validation": "Judged | None = None", "test": "Judged | None = None"},
    ),
}
