"""What pages about the data and the models show: measured, counted, and put into words.

What is not defined is None, never NaN. Columns of one table have the same length.
"""

from pydantic import Field

from shared.contracts.bundle import Sha256, Version
from shared.contracts.message import Message

Column = tuple[float, ...]
Undefined = tuple[float | None, ...]


class ClassCounts(Message):
    """How many pictures each class has, in class order. ratio: largest to smallest; None: of 0."""

    counts: tuple[int, ...]
    ratio: float | None
    interpretation: str


class SampleImages(Message):
    """A few pictures of each class, by sha256, in class order, drawn by chance."""

    images: tuple[tuple[Sha256, ...], ...]
    available: tuple[int, ...]
    interpretation: str


class ClassSpread(Message):
    """One number a picture, over a class: mean, standard deviation, quartiles."""

    pictures: int
    mean: float
    deviation: float
    quartiles: tuple[float, float, float]


class ClassContrast(Message):
    """The two classes whose means lie furthest apart. cohens_d: None where nothing varies."""

    low: str
    high: str
    gap: float
    cohens_d: float | None


class PixelIntensity(Message):
    """Grey levels 0..256. histograms: shares of pixels between `edges`, one a class, sum 1."""

    classes: tuple[str, ...]
    edges: tuple[int, ...]
    histograms: tuple[Column, ...]
    spreads: tuple[ClassSpread, ...]
    contrast: ClassContrast | None
    interpretation: str


class EdgeDensities(Message):
    """Share of a picture's pixels on an edge, 0..1."""

    classes: tuple[str, ...]
    spreads: tuple[ClassSpread, ...]
    contrast: ClassContrast | None
    interpretation: str


class Measures(Message):
    """What was seen of some pictures. left_out: damaged, too large or gone."""

    measured: int = 0
    left_out: int = 0
    complete: bool = True
    intensity: PixelIntensity | None = None
    edge_density: EdgeDensities | None = None


class DatasetInsights(Message):
    """The labelled images as a training would see them: those whose label nobody disputes.

    measured: of the images, those looked at. complete: False where the time for one look was up
    before all that were drawn were measured.
    """

    snapshot_sha256: Sha256
    images: int
    measured: int
    left_out: int
    complete: bool
    classes: tuple[str, ...]
    distribution: ClassCounts | None
    samples: SampleImages | None
    intensity: PixelIntensity | None
    edge_density: EdgeDensities | None


class LearnedClass(Message):
    """A class as a model learned it. uploads: those its head was fitted to beside the images."""

    name: str
    images: int = 0
    patients: int | None = None
    uploads: int = 0


class TrainedOn(Message):
    """What a model learned from and was validated on, together; from its card."""

    classes: tuple[LearnedClass, ...]
    layout: str | None
    sha256: str | None
    duplicates_left_out: int
    conflicts_left_out: int
    parent: str | None
    interpretation: str


class History(Message):
    """Training curves, one value an epoch."""

    epochs: tuple[int, ...]
    loss: Column
    validation: dict[str, Column]
    best_epoch: int | None
    interpretation: str


class Confusion(Message):
    """Counts, truth in rows, reported label in columns."""

    classes: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    interpretation: str


class RocCurve(Message):
    """By falling threshold, from (0, 0) to (1, 1)."""

    false_positive_rate: Column
    sensitivity: Column
    auc: float


class PrecisionRecall(Message):
    """By falling threshold. average_precision: the area under all points, in steps."""

    recall: Column
    precision: Column
    average_precision: float


class ReliabilityBin(Message):
    """Answers whose score lies between low and high: their mean, and how often they came true."""

    low: float
    high: float
    predicted: float
    observed: float
    count: int


class Reliability(Message):
    """Bins of equal width, empty ones left out. ece: expected calibration error over them."""

    bins: tuple[ReliabilityBin, ...]
    ece: float
    interpretation: str


class Thresholds(Message):
    """What every threshold makes of the pictures: yes is a score ≥ threshold.

    A share of nobody is None.
    """

    threshold: Column
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    true_negatives: tuple[int, ...]
    false_negatives: tuple[int, ...]
    sensitivity: Undefined
    specificity: Undefined
    ppv: Undefined
    npv: Undefined
    f1: Undefined


class OperatingPoint(Message):
    """One threshold, as a row of `Thresholds`."""

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    sensitivity: float | None
    specificity: float | None
    ppv: float | None
    npv: float | None
    f1: float | None


class Target(Message):
    """A question with yes or no, and a score for it: `finding`, or one class against the others."""

    name: str
    positives: int
    negatives: int
    roc: RocCurve | None
    precision_recall: PrecisionRecall | None
    reliability: Reliability | None
    thresholds: Thresholds
    chosen: OperatingPoint | None
    interpretation: str


class ValidationInsights(Message):
    """Pictures of patients that the model did not learn from. prevalence: share of findings.

    Where a prevalence was asked for, it is that one, and PPV and NPV are by Bayes' rule.
    """

    examples: int
    patients: int | None
    by_class: dict[str, int]
    prevalence: float
    note: str
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    confusion: Confusion
    targets: tuple[Target, ...]


class FrozenTest(Message):
    """The frozen figures of a test set, as the card has them."""

    examples: int
    patients: int | None = None
    note: str = ""
    data_sha256: str | None = None
    figures: dict[str, float] = Field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    confusion: Confusion | None = None
    interpretation: str = ""


class ModelInsights(Message):
    """One model version: what it learned from, how, and what it is worth. None: cannot be told."""

    name: str
    version: Version
    classes: tuple[str, ...]
    reference_class: str
    threshold: float
    trained_on: TrainedOn | None
    curves: History | None
    validation: ValidationInsights | None
    test: FrozenTest | None
