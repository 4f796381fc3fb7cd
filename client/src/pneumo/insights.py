"""What the gateway tells of data and of models, in numbers and in words.

A part that cannot be told is None, and so is a number that is not defined.
docs/architecture/insights.md has every field.
"""

from pydantic import BaseModel, ConfigDict, Field

Numbers = tuple[float, ...]
Gaps = tuple[float | None, ...]
"""Numbers of which some are not defined."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Distribution(_Answer):
    """Usable images of each class."""

    counts: tuple[int, ...]
    ratio: float | None = None
    interpretation: str = ""


class Samples(_Answer):
    """Some images of each class, by sha256."""

    images: tuple[tuple[str, ...], ...] = ()
    available: tuple[int, ...] = ()
    interpretation: str = ""


class Spread(_Answer):
    """How a measure lies over the pictures of one class."""

    pictures: int
    mean: float
    deviation: float
    quartiles: tuple[float, float, float]


class Intensity(_Answer):
    """Grey levels: the share of pixels between each two edges, one histogram a class."""

    classes: tuple[str, ...]
    edges: Numbers
    histograms: tuple[Numbers, ...]
    spreads: tuple[Spread, ...] = ()
    interpretation: str = ""


class EdgeDensity(_Answer):
    """The share of pixels that lie on an edge."""

    classes: tuple[str, ...]
    spreads: tuple[Spread, ...]
    interpretation: str = ""


class DatasetInsights(_Answer):
    """The stored images, as a training would see them; an empty set has none of the parts."""

    images: int
    measured: int = 0
    left_out: int = 0
    complete: bool = True
    classes: tuple[str, ...] = ()
    distribution: Distribution | None = None
    samples: Samples | None = None
    intensity: Intensity | None = None
    edge_density: EdgeDensity | None = None


class LearnedClass(_Answer):
    """A class that a model learned, and from how many pictures."""

    name: str
    images: int
    patients: int | None = None
    uploads: int = 0


class TrainedOn(_Answer):
    """What a model learned from."""

    classes: tuple[LearnedClass, ...]
    parent: str | None = None
    interpretation: str = ""


class ValidationCurves(_Answer):
    """Figures on the validation pictures after each epoch."""

    loss: Gaps = ()
    accuracy: Gaps = ()
    balanced_accuracy: Gaps = ()


class Curves(_Answer):
    """A training, epoch by epoch."""

    epochs: tuple[int, ...]
    loss: Gaps
    validation: ValidationCurves = Field(default_factory=ValidationCurves)
    best_epoch: int | None = None
    interpretation: str = ""


class Confusion(_Answer):
    """Truth in rows, reported label in columns."""

    classes: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    interpretation: str = ""


class Roc(_Answer):
    """Sensitivity against false alarms, over all thresholds."""

    false_positive_rate: Numbers
    sensitivity: Numbers
    auc: float | None = None


class PrecisionRecall(_Answer):
    """Precision against recall, over all thresholds."""

    recall: Numbers
    precision: Gaps
    average_precision: float | None = None


class Bin(_Answer):
    """Answers of like probability: what was predicted, and what came true."""

    low: float
    high: float
    predicted: float
    observed: float
    count: int


class Reliability(_Answer):
    """Whether probabilities come true as often as they say."""

    bins: tuple[Bin, ...]
    ece: float | None = None
    interpretation: str = ""


class Thresholds(_Answer):
    """What each threshold would do; all sequences are as long as `threshold`."""

    threshold: Numbers
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    true_negatives: tuple[int, ...]
    false_negatives: tuple[int, ...]
    sensitivity: Gaps
    specificity: Gaps
    ppv: Gaps
    npv: Gaps
    f1: Gaps = ()


class Chosen(_Answer):
    """The bundle's own rule."""

    threshold: float


class Target(_Answer):
    """One question with yes or no, and the model's score for it."""

    name: str
    positives: int
    negatives: int
    roc: Roc | None = None
    precision_recall: PrecisionRecall | None = None
    reliability: Reliability | None = None
    thresholds: Thresholds | None = None
    chosen: Chosen | None = None
    interpretation: str = ""


class Judged(_Answer):
    """A model's answers on pictures whose truth is known."""

    examples: int
    patients: int | None = None
    prevalence: float | None = None
    note: str | None = None
    figures: dict[str, float | None] = Field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    confusion: Confusion | None = None
    targets: tuple[Target, ...] = ()
    interpretation: str = ""


class ModelInsights(_Answer):
    """One model version; a part that cannot be told is None."""

    name: str
    version: str
    classes: tuple[str, ...]
    reference_class: str
    threshold: float | None = None
    trained_on: TrainedOn | None = None
    curves: Curves | None = None
    validation: Judged | None = None
    test: Judged | None = None
