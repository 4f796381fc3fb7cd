"""What validation said of a model, as its bundle carries it: answers, figures, their intervals."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.evaluation import Evaluation
from trainer.core.arrays import Floats, Labels, Mask
from trainer.core.figures import all_figures
from trainer.core.gate import Contestant
from trainer.core.replay import Names, Remembered

_Doubles = NDArray[np.float64]
_DRAWS = 1000
_PERCENTILES = (2.5, 97.5)
_DIGITS = 5
_SHOWN_DIGITS = 4


def evaluation_of(held: Remembered, model: Contestant) -> Evaluation:
    """Give the model's answers to what it never learned from. held: at least one picture.

    Rows are sorted by what they say: the order of the files, and with it who they are, is lost.
    """
    probabilities = model.calibrated.probabilities(held.logits)
    figures = all_figures(probabilities, held.labels, model.classes, model.rule)
    rounded = probabilities.astype(np.float64).round(_SHOWN_DIGITS)
    order = np.lexsort((*rounded.T[::-1], held.labels))
    return Evaluation(
        classes=model.classes,
        patients=len(np.unique(held.patients)),
        labels=tuple(held.labels[order].tolist()),
        probabilities=tuple(tuple(row) for row in rounded[order].tolist()),
        figures={n: round(v, _DIGITS) for n, v in figures.items() if not math.isnan(v)},
        intervals=_intervals(probabilities, held.labels, held.patients, model),
    )


@dataclass(frozen=True, slots=True)
class _Share:
    """A figure that is a share: of the pictures that count, those that are right. bool [N]."""

    right: Mask
    counted: Mask


def _intervals(
    probabilities: Floats, labels: Labels, patients: Names, model: Contestant
) -> dict[str, tuple[float, float]]:
    """Give the 95 % intervals, drawing patients again. Source: as `bootstrap.intervals`.

    All draws at once: a draw is how often each patient is in it.
    """
    group = np.unique(patients, return_inverse=True)[1]
    people = int(group.max()) + 1
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(people, np.full(people, 1 / people), _DRAWS).astype(np.float64)
    values: dict[str, _Doubles] = {}
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw without a picture that counts
        for name, share in _shares(probabilities, labels, model).items():
            right = np.bincount(group, share.right & share.counted, people)
            counted = np.bincount(group, share.counted, people)
            values[name] = (drawn @ right) / (drawn @ counted)
        values["balanced_accuracy"] = (values["sensitivity"] + values["specificity"]) / 2
        score = 1.0 - probabilities[:, model.rule.reference]
        values["auc"] = _areas(score, labels != model.rule.reference, drawn[:, group])
    ends = {name: _ends(value) for name, value in values.items()}
    return {name: end for name, end in ends.items() if end is not None}


def _shares(probabilities: Floats, labels: Labels, model: Contestant) -> dict[str, _Share]:
    reported, likeliest = model.rule.decide(probabilities), probabilities.argmax(axis=1)
    reference, everything = model.rule.reference, np.ones(len(labels), np.bool_)
    finding = labels != reference
    seen = reported != reference
    shares = {
        "accuracy": _Share(seen == finding, everything),
        "sensitivity": _Share(seen, finding),
        "specificity": _Share(~seen, ~finding),
        "class_accuracy": _Share(likeliest == labels, everything),
        "class_accuracy_at_rule": _Share(reported == labels, everything),
    }
    for index, name in enumerate(model.classes):
        shares[f"recall_{name}"] = _Share(likeliest == index, labels == index)
    return shares


def _areas(score: Floats, truth: Mask, weights: _Doubles) -> _Doubles:
    """Give the area under the ROC curve of every draw, [K]. weights: [K, N], of the pictures."""
    order = np.argsort(score, kind="stable")
    firsts = np.unique(score[order], return_index=True)[1]
    positive = np.add.reduceat(np.where(truth[order], weights[:, order], 0.0), firsts, axis=1)
    negative = np.add.reduceat(np.where(truth[order], 0.0, weights[:, order]), firsts, axis=1)
    below = negative.cumsum(axis=1) - negative / 2  # those of like score count half
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    areas: _Doubles = (positive * below).sum(axis=1) / pairs
    return areas


def _ends(values: _Doubles) -> tuple[float, float] | None:
    """Give both ends; None where no draw defines the figure."""
    if np.isnan(values).all():
        return None
    low, high = np.nanpercentile(values, _PERCENTILES).round(_DIGITS).tolist()
    return low, high
