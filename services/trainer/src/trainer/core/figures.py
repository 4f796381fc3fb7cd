"""Figures of merit, from calibrated probabilities and labels."""

import math
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from trainer.core.arrays import Floats, Labels, Mask

_BINS = 15
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """The decision: `reference` is a class index; see contracts.bundle.DecisionRule."""

    reference: int
    threshold: float

    def decide(self, probabilities: Floats) -> Labels:
        """Give the reported class of every row, int64 [N]."""
        others = probabilities.copy()
        others[:, self.reference] = -1.0
        finding = 1.0 - probabilities[:, self.reference] >= self.threshold
        return np.where(finding, others.argmax(axis=1), self.reference).astype(np.int64)


def binary_figures(probabilities: Floats, labels: Labels, rule: ThresholdRule) -> dict[str, float]:
    """Finding against reference: auc, calibration, and what the rule makes of it.

    Without pictures on both sides a figure that needs them is NaN.
    """
    truth = labels != rule.reference
    said = rule.decide(probabilities) != rule.reference
    score = 1.0 - probabilities[:, rule.reference]
    sensitivity, specificity = _share(said[truth]), _share(~said[~truth])
    both = bool(truth.any() and not truth.all())
    halves = score >= _HALF
    return {
        "auc": float(roc_auc_score(truth, score)) if both else math.nan,
        "accuracy": _share(said == truth),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "binary_ece": calibration_error(np.maximum(score, 1 - score), halves == truth),
    }


def class_figures(
    probabilities: Floats, labels: Labels, classes: tuple[str, ...], rule: ThresholdRule
) -> dict[str, float]:
    """All classes: accuracy by the most probable, calibration error, each class's own figures."""
    said = probabilities.argmax(axis=1)
    figures = {
        "class_accuracy": _share(said == labels),
        "class_accuracy_at_rule": _share(rule.decide(probabilities) == labels),
        "ece": calibration_error(probabilities.max(axis=1), said == labels),
    }
    for index, name in enumerate(classes):
        hits = float(((said == index) & (labels == index)).sum())
        claimed, there = float((said == index).sum()), float((labels == index).sum())
        figures[f"precision_{name}"] = hits / claimed if claimed else 0.0
        figures[f"recall_{name}"] = hits / there if there else math.nan
        figures[f"f1_{name}"] = 2 * hits / (claimed + there) if claimed + there else 0.0
    return figures


def all_figures(
    probabilities: Floats, labels: Labels, classes: tuple[str, ...], rule: ThresholdRule
) -> dict[str, float]:
    """Give both kinds in one table."""
    binary = binary_figures(probabilities, labels, rule)
    return binary | class_figures(probabilities, labels, classes, rule)


def _share(right: Mask) -> float:
    return float(right.mean()) if len(right) else math.nan


def calibration_error(confidence: Floats, right: Mask) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017)."""
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = (
        abs(float(confidence[bins == b].mean()) - float(right[bins == b].mean()))
        * float((bins == b).mean())
        for b in np.unique(bins)
    )
    return float(sum(gaps))
