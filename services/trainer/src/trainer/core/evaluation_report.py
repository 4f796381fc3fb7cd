"""The report of one bundle on one folder, as a value; report.json is this value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from trainer.core.evaluation_blackout import Blackout
from trainer.core.evaluation_curves import CalibrationBin, Curve, CurvePoint
from trainer.core.evaluation_looks import LookCluster
from trainer.core.evaluation_saliency import Masking, Randomised
from trainer.core.evaluation_shift import Shift
from trainer.core.evaluation_strangers import Strangers

Interval = tuple[float, float]
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Basis:
    """Whose report it is, and the figures with 95 % intervals by bootstrap over patients."""

    name: str
    version: str
    classes: tuple[str, ...]
    reference_class: str
    threshold: float
    data_sha256: str
    examples: int
    patients: int
    note: str
    figures: Mapping[str, float]
    intervals: Mapping[str, Interval]
    confusion: tuple[tuple[int, ...], ...]
    binary_confusion: tuple[tuple[int, ...], ...]
    """Truth in rows: reference, finding; at the threshold."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Curves over every threshold, and calibration."""

    roc: tuple[Curve, ...]
    precision_recall: tuple[Curve, ...]
    finding_reliability: tuple[CalibrationBin, ...]
    class_reliability: tuple[CalibrationBin, ...]
    points: tuple[CurvePoint, ...]
    prevalences: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Robustness:
    """Errors, 0..1, under one family at one severity. balanced_error: of finding or none."""

    family: str
    severity: int
    balanced_error: float
    class_error: float


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the folder. A figure that it lacks pictures for is absent."""

    kind: str
    name: str
    counts: tuple[int, ...]
    figures: Mapping[str, float]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong answer. index: place of the file in the sorted list of the folder's files."""

    index: int
    truth: str
    said: str
    probability: float
    in_domain: bool


@dataclass(frozen=True, slots=True)
class FullReport:
    """Everything; a part that could not be measured is empty."""

    basis: Basis
    ranking: Ranking
    robustness: tuple[Robustness, ...]
    strangers: tuple[Strangers, ...]
    shifts: tuple[Shift, ...]
    clusters: tuple[LookCluster, ...]
    groups: tuple[Group, ...]
    maskings: Mapping[str, Masking]
    randomised: tuple[Randomised, ...]
    parent: Mapping[str, float]
    """Figures of the float parent, under the same calibration and threshold."""
    agreement: float
    """Share of pictures, 0..1, on which parent and engine name the same class."""
    mistakes: tuple[Mistake, ...]
    blackouts: tuple[Blackout, ...]


def as_json(report: FullReport) -> dict[str, Any]:
    """Give what report.json holds, numbers rounded to five digits."""
    rounded: dict[str, Any] = _rounded(asdict(report))
    return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
