"""Finding against reference over every threshold: curves, calibration, operating points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from trainer.core.arrays import Floats, Labels, Mask

_POINTS = 200
"""Points kept of a curve; more than a plot shows."""
_BINS = 10


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve as it is drawn, and the area under all of its points."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Predictions of like confidence: their mean, how often they came true, how many."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What one threshold makes of the folder; chosen: the one that the bundle carries."""

    threshold: float
    sensitivity: float
    specificity: float
    chosen: bool

    def predictive_values(self, prevalence: float) -> tuple[float, float]:
        """Give PPV and NPV where the finding has this prevalence, 0..1, by Bayes' rule.

        A value that no prediction supports is 0.
        """
        hit, miss = self.sensitivity * prevalence, (1 - self.sensitivity) * prevalence
        alarm = (1 - self.specificity) * (1 - prevalence)
        quiet = self.specificity * (1 - prevalence)
        ppv = hit / (hit + alarm) if hit + alarm else 0.0
        return ppv, quiet / (quiet + miss) if quiet + miss else 0.0


def roc(name: str, truth: Mask, score: Floats) -> Curve:
    """Give false-positive rate (x) against sensitivity (y). Both kinds must occur in `truth`."""
    x, y, _ = roc_curve(truth, score)
    return _thinned(name, x, y, float(np.trapezoid(y, x)))


def precision_recall(name: str, truth: Mask, score: Floats) -> Curve:
    """Give recall (x) against precision (y); the area is the average precision."""
    y, x, _ = precision_recall_curve(truth, score)
    return _thinned(name, x[::-1], y[::-1], float(average_precision_score(truth, score)))


def _thinned(name: str, x: Floats, y: Floats, area: float) -> Curve:
    rows = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(np.int64))
    return Curve(name, tuple(x[rows].tolist()), tuple(y[rows].tolist()), area)


def reliability(confidence: Floats, right: Mask) -> tuple[CalibrationBin, ...]:
    """Compare what was said with what came true, in ten bins of equal width; empty ones left out.

    confidence: float32 [N], 0..1. Source: Niculescu-Mizil and Caruana 2005.
    """
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    return tuple(
        CalibrationBin(float(confidence[bins == b].mean()), float(right[bins == b].mean()), int(n))
        for b, n in zip(*np.unique(bins, return_counts=True), strict=True)
    )


def operating_points(
    p_finding: Floats, is_finding: Mask, *, chosen: float, thresholds: Sequence[float]
) -> tuple[CurvePoint, ...]:
    """Give every threshold's point, the chosen one among them, by rising threshold."""
    return tuple(
        CurvePoint(
            threshold,
            float((p_finding[is_finding] >= threshold).mean()),
            float((p_finding[~is_finding] < threshold).mean()),
            threshold == chosen,
        )
        for threshold in sorted({*thresholds, chosen})
    )


def confusion(truth: Labels, said: Labels, classes: int) -> tuple[tuple[int, ...], ...]:
    """Count answers [C, C], truth in rows."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth, said), 1)
    return tuple(tuple(int(n) for n in row) for row in table)
