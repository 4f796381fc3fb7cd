"""What can be told of a chest whose lungs are hidden: the look of the source, not the disease.

Two ellipses, the same for every picture, cover both lungs and most of the heart; there is no
segmentation. Source: Maguolo and Nanni 2021, "A critic evaluation of methods for COVID-19
automatic detection from X-ray images".
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainer.core.arrays import Floats, Grey, Labels, Mask
from trainer.core.views import CLEAN, View

_CENTRES = (0.29, 0.71)
_HEIGHT, _HALF_WIDTH, _HALF_HEIGHT = 0.49, 0.23, 0.42
"""In parts of the side; laid over the mean of radiographs of every class by eye."""
_STRENGTH_C = 0.01


@dataclass(frozen=True, slots=True)
class Blackout:
    """What one judge makes of one view. balanced: mean recall of the classes that occur.

    auc: each of those classes against the rest.
    """

    view: str
    judge: str
    class_accuracy: float
    balanced: float
    auc: Mapping[str, float]


def lungs(size_px: int) -> Mask:
    """Mark where lungs are in a frontal radiograph, bool [S, S]: 60 % of the picture."""
    axis = (np.arange(size_px) + 0.5) / size_px
    down, right = axis[:, None], axis[None, :]
    inside = np.zeros((size_px, size_px), np.bool_)
    for centre in _CENTRES:
        distance = ((right - centre) / _HALF_WIDTH) ** 2 + ((down - _HEIGHT) / _HALF_HEIGHT) ** 2
        inside |= distance <= 1
    return inside


def _without_lungs(grey: Grey, _: str) -> Grey:
    return np.where(lungs(grey.shape[0]), 0, grey).astype(np.uint8)


def _lungs_alone(grey: Grey, _: str) -> Grey:
    return np.where(lungs(grey.shape[0]), grey, 0).astype(np.uint8)


VIEWS = (
    View("whole picture", CLEAN.change),
    View("lungs blacked out", _without_lungs),
    View("lungs alone", _lungs_alone),
)


def judged(
    view: str, judge: str, probabilities: Floats, labels: Labels, classes: tuple[str, ...]
) -> Blackout:
    """Score probabilities [N, C]; classes without a picture do not count."""
    said = probabilities.argmax(axis=1)
    there = [index for index in range(len(classes)) if (labels == index).any()]
    recalls = [float((said[labels == index] == index).mean()) for index in there]
    areas = {
        classes[index]: float(roc_auc_score(labels == index, probabilities[:, index]))
        for index in there
    }
    return Blackout(view, judge, float((said == labels).mean()), float(np.mean(recalls)), areas)


def probe(features: Floats, labels: Labels, shown: Floats, classes: int) -> Floats:
    """Learn from features [N, D], every class counting alike; give float32 [M, C] for `shown`."""
    line = LogisticRegression(C=_STRENGTH_C, max_iter=1000, class_weight="balanced")
    fitted = make_pipeline(StandardScaler(), line).fit(features, labels)
    said = np.zeros((len(shown), classes), np.float32)
    said[:, fitted.classes_] = fitted.predict_proba(shown)
    return said
