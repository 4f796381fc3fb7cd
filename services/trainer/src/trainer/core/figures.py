"""Figures of merit, from calibrated probabilities and labels."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from trainer.core.arrays import Floats, Labels, Mask

_BINS = 15


@dataclass(frozen=True, slots=True)
class Rule:
    """The decision: `reference` is a class index; see contracts.bundle.DecisionRule."""

    reference: int
    threshold: float

    def decide(self, probabilities: Floats) -> Labels:
        """Give the reported class of every row, int64 [N]."""
        others = probabilities.copy()
        others[:, self.reference] = -1.0
        finding = 1.0 - probabilities[:, self.reference] >= self.threshold
        return np.where(finding, others.argmax(axis=1), self.reference).astype(np.int64)


def binary_figures(probabilities: Floats, labels: Labels, rule: Rule) -> dict[str, float]:
    """Finding against reference: auc, and accuracy, sensitivity, specificity at the rule."""
    truth = labels != rule.reference
    said = rule.decide(probabilities) != rule.reference
    score = 1.0 - probabilities[:, rule.reference]
    sensitivity, specificity = float(said[truth].mean()), float((~said[~truth]).mean())
    return {
        "auc": float(roc_auc_score(truth, score)),
        "accuracy": float((said == truth).mean()),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "balanced_accuracy": (sensitivity + specificity) / 2,
    }


def class_figures(
    probabilities: Floats, labels: Labels, classes: tuple[str, ...], rule: Rule
) -> dict[str, float]:
    """All classes: accuracy by the most probable, calibration error, F1 of every class."""
    said = probabilities.argmax(axis=1)
    figures = {
        "class_accuracy": float((said == labels).mean()),
        "class_accuracy_at_rule": float((rule.decide(probabilities) == labels).mean()),
        "ece": calibration_error(probabilities.max(axis=1), said == labels),
    }
    for index, name in enumerate(classes):
        f1 = f1_score(labels == index, said == index, zero_division=0.0)
        figures[f"f1_{name}"] = float(f1)
    return figures


def calibration_error(confidence: Floats, right: Mask) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017)."""
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = (
        abs(float(confidence[bins == b].mean()) - float(right[bins == b].mean()))
        * float((bins == b).mean())
        for b in np.unique(bins)
    )
    return float(sum(gaps))
