"""The gate: is the candidate no worse than the current model, on the same pictures?

What is drawn at random is drawn by patient and from a seed; the same answers, the same verdict.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.contracts.train import GateCheck, GateReport
from trainer.core.arrays import Floats, Labels, Mask
from trainer.core.bootstrap import lower_bound
from trainer.core.figures import ThresholdRule, all_figures
from trainer.core.probabilities import Calibrated
from trainer.core.replay import Names

Relation = Literal[">=", "<="]
_ROUNDING = 1e-9
"""Of a float: three pictures in a hundred are three points and no more."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What must hold. Shares of 1, not points."""

    accuracy: float = -0.01
    sensitivity: float = -0.015
    recall: float = -0.03
    ece: float = 0.01
    rounding: float = 0.01
    goldens: float = 0.05
    """Of a probability: what a worker allows."""
    agreement: float = 0.5
    """Share of the agreement with old labels that fresh labels must reach; of shuffled ones: 0."""
    fresh: int = 10
    """Fewest held-back uploads from which agreement can be told."""
    new_recall: float = 0.5
    """Fewest held-back pictures of a new class that must be called by its name."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A model as it decides. The current one's classes come first among the candidate's."""

    version: str
    classes: tuple[str, ...]
    calibrated: Calibrated
    rule: ThresholdRule


@dataclass(frozen=True, slots=True)
class Trial:
    """The same pictures, answered by both; no head was fitted to any of them.

    labels: int64 [N], by the candidate's classes. patients: [N]. uploaded: bool [N]. fresh: bool
    [N], uploads that the current model does not remember. Logits: float32 [N, C of the model].
    """

    labels: Labels
    patients: Names
    uploaded: Mask
    fresh: Mask
    current: Floats
    candidate: Floats


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What was lost on the candidate's way into its file.

    exact, rounded: logits float32 [N, C] of the float parent and of the int8 graph for the same
    pictures. golden_error: largest difference between a golden's probabilities and what the graph
    read back from disk gives.
    """

    labels: Labels
    exact: Floats
    rounded: Floats
    golden_error: float


@dataclass(frozen=True, slots=True)
class _Answers:
    probabilities: Floats
    said: Labels


def judge(
    current: Contestant,
    candidate: Contestant,
    trial: Trial,
    fidelity: Fidelity,
    *,
    seed: int,
    bounds: Bounds | None = None,
) -> GateReport:
    """Give the verdict and every figure it rests on.

    The two are compared on pictures of the current model's classes: no other can it know.
    Raises ValueError if there is no such picture.
    """
    bounds = bounds or Bounds()
    known = np.flatnonzero(trial.labels < len(current.classes))
    if not len(known):
        raise ValueError("no picture to compare the models on")
    labels = trial.labels[known]
    before = _answers(current, trial.current[known])
    after = _answers(candidate, trial.candidate[known])
    old = all_figures(before.probabilities, labels, current.classes, current.rule)
    new = all_figures(after.probabilities, labels, candidate.classes, candidate.rule)
    checks = (
        *_non_inferior(trial.patients[known], labels, before, after, current, seed, bounds),
        *_recalls(labels, before, after, current.classes, bounds),
        _at_most("ece_difference", new["ece"] - old["ece"], bounds.ece),
        *_faithful(candidate, fidelity, bounds),
        *_credible(candidate, trial, known, after, bounds),
        *_new_classes(current, candidate, trial, bounds),
    )
    return GateReport(
        accepted=all(check.passed for check in checks),
        checks=checks,
        current_version=current.version,
        current=_told(old),
        candidate=_told(new),
        images=len(trial.labels),
    )


def _answers(model: Contestant, logits: Floats) -> _Answers:
    probabilities = model.calibrated.probabilities(logits)
    return _Answers(probabilities, model.rule.decide(probabilities))


def _non_inferior(
    patients: Names,
    labels: Labels,
    before: _Answers,
    after: _Answers,
    current: Contestant,
    seed: int,
    bounds: Bounds,
) -> tuple[GateCheck, ...]:
    """Compare picture by picture what is reported, and whether a finding is seen at all."""
    right = (after.said == labels).astype(np.int64) - (before.said == labels)
    reference = current.rule.reference
    seen = (after.said != reference).astype(np.int64) - (before.said != reference)
    finding = labels != reference
    accuracy = lower_bound(right, np.ones_like(finding), patients, seed=seed)
    checks = [_at_least("accuracy_difference_lower", accuracy, bounds.accuracy)]
    if finding.any():
        sensitivity = lower_bound(seen, finding, patients, seed=seed)
        checks.append(_at_least("sensitivity_difference_lower", sensitivity, bounds.sensitivity))
    return tuple(checks)


def _recalls(
    labels: Labels, before: _Answers, after: _Answers, classes: tuple[str, ...], bounds: Bounds
) -> list[GateCheck]:
    checks = []
    for index, name in enumerate(classes):
        there = labels == index
        if there.any():
            difference = float((after.said == index)[there].mean())
            difference -= float((before.said == index)[there].mean())
            checks.append(_at_least(f"recall_difference_{name}", difference, bounds.recall))
    return checks


def _faithful(candidate: Contestant, fidelity: Fidelity, bounds: Bounds) -> list[GateCheck]:
    goldens = _at_most("golden_error", fidelity.golden_error, bounds.goldens)
    if not len(fidelity.labels):
        return [goldens]
    exact, rounded = (
        float((_answers(candidate, logits).said == fidelity.labels).mean())
        for logits in (fidelity.exact, fidelity.rounded)
    )
    return [_at_most("int8_accuracy_drop", exact - rounded, bounds.rounding), goldens]


def _credible(
    candidate: Contestant, trial: Trial, known: Labels, after: _Answers, bounds: Bounds
) -> list[GateCheck]:
    """Ask whether what was learned from some of the fresh labels foretells the others.

    Of true labels it does about as well as of old ones, also where the current model fails; of
    shuffled labels nothing can. A small part of false labels goes unseen here, and does no harm
    that the other checks would not see.
    """
    fresh = np.flatnonzero(trial.fresh)
    if len(fresh) < bounds.fresh:
        return []
    old = ~trial.uploaded[known]
    usual_labels, usual_said = trial.labels[known][old], after.said[old]
    labels, said = trial.labels[fresh], _answers(candidate, trial.candidate[fresh]).said
    if len(np.unique(labels)) > 1:
        here, usual = agreement(labels, said), agreement(usual_labels, usual_said)
    else:  # of one class alone nothing is due to chance
        here = float((labels == said).mean())
        usual = float((usual_labels == usual_said).mean())
    return [_at_least("upload_label_agreement", here, bounds.agreement * usual)]


def _new_classes(
    current: Contestant, candidate: Contestant, trial: Trial, bounds: Bounds
) -> list[GateCheck]:
    checks = []
    said = _answers(candidate, trial.candidate).said
    for index in range(len(current.classes), len(candidate.classes)):
        there = trial.labels == index
        recall = float((said == index)[there].mean()) if there.any() else 0.0
        name = candidate.classes[index]
        checks.append(_at_least(f"recall_{name}", recall, bounds.new_recall))
    return checks


def agreement(labels: Labels, said: Labels) -> float:
    """Give Cohen's kappa: 1 where both always agree, 0 where they agree by chance."""
    if not len(labels):
        return 0.0
    size = int(max(labels.max(), said.max())) + 1
    shares = np.bincount(labels * size + said, minlength=size * size).reshape(size, size)
    table = shares / len(labels)
    chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return 1.0 if chance == 1.0 else (float(np.trace(table)) - chance) / (1.0 - chance)


def _at_least(name: str, value: float, bound: float) -> GateCheck:
    return _check(name, value, bound, ">=", passed=value >= bound - _ROUNDING)


def _at_most(name: str, value: float, bound: float) -> GateCheck:
    return _check(name, value, bound, "<=", passed=value <= bound + _ROUNDING)


def _check(name: str, value: float, bound: float, relation: Relation, *, passed: bool) -> GateCheck:
    return GateCheck(name=name, value=value, bound=bound, relation=relation, passed=passed)


def _told(figures: dict[str, float]) -> dict[str, float]:
    """Leave out what is not defined on these pictures: NaN is no JSON."""
    return {name: value for name, value in figures.items() if not math.isnan(value)}
