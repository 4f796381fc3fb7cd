"""How far a folder lies from the training folder: can a classifier tell them apart?

An AUC of .5 says that the two folders look alike to these features; 1 that every picture gives
its folder away. Source: Rabanser et al. 2019, the domain classifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainer.core.arrays import Floats, Labels, Mask

_FOLDS = 5
_STRENGTH_C = 0.01


@dataclass(frozen=True, slots=True)
class Shift:
    """auc: 0..1, on pictures of patients that the classifier did not see."""

    name: str
    auc: float
    here: int
    there: int


@dataclass(frozen=True, slots=True)
class Side:
    """One folder: features float32 [N, D], classes int64 [N], patients [N]."""

    features: Floats
    labels: Labels
    patients: tuple[str, ...]

    def where(self, mask: Mask) -> "Side":
        """Give the part that is marked."""
        rows = np.flatnonzero(mask)
        return Side(
            self.features[rows], self.labels[rows], tuple(self.patients[row] for row in rows)
        )


def shifts(train: Side, test: Side, classes: Sequence[str]) -> tuple[Shift, ...]:
    """Tell the folders apart within every class, so that their mixture says nothing.

    The last line is the yardstick: two halves of the training folder, whole patients.
    """
    within = [
        tell_apart(name, train.where(train.labels == i), test.where(test.labels == i))
        for i, name in enumerate(classes)
        if (train.labels == i).any() and (test.labels == i).any()
    ]
    return (*within, tell_apart("two halves of the training folder", *halves(train)))


def halves(side: Side) -> tuple[Side, Side]:
    """Draw half of the patients."""
    names = np.unique(side.patients)
    drawn = set(np.random.default_rng(0).permutation(names)[: len(names) // 2].tolist())
    mask = np.array([patient in drawn for patient in side.patients])
    return side.where(mask), side.where(~mask)


def tell_apart(name: str, here: Side, there: Side) -> Shift:
    """Cross-validate a logistic regression, both sides weighing alike, whole patients a fold."""
    features = np.concatenate([here.features, there.features])
    is_there = np.repeat([0, 1], [len(here.labels), len(there.labels)])
    patients = [*(f"a {p}" for p in here.patients), *(f"b {p}" for p in there.patients)]
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    score = np.zeros(len(features))
    for fit, held in folds.split(features, is_there, patients):
        line = LogisticRegression(C=_STRENGTH_C, max_iter=500, class_weight="balanced")
        pipeline = make_pipeline(StandardScaler(), line).fit(features[fit], is_there[fit])
        score[held] = pipeline.decision_function(features[held])
    auc = float(roc_auc_score(is_there, score))
    return Shift(name, auc, len(here.labels), len(there.labels))
