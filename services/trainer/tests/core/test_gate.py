"""Every check of the gate: a case that passes, a case that fails by it alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from shared.contracts.train import GateReport
from trainer.core.arrays import Floats, Labels
from trainer.core.figures import ThresholdRule
from trainer.core.gate import Contestant, Fidelity, Trial, agreement, judge
from trainer.core.probabilities import Calibrated

CLASSES = ("healthy", "one", "two")
EACH = 100
N = EACH * len(CLASSES)
LABELS = np.repeat(np.arange(len(CLASSES)), EACH)
PATIENTS = np.array([f"p{row // 2}" for row in range(N)])


def model(version: str, classes: tuple[str, ...] = CLASSES) -> Contestant:
    return Contestant(
        version, classes, Calibrated(1.0, (0.0,) * len(classes)), ThresholdRule(0, 0.5)
    )


def logits(said: Labels, *, classes: int = 3, sure: float = 3.0) -> Floats:
    return (np.eye(classes)[said] * sure).astype(np.float32)


def said_wrong(rows: range, answer: int) -> Labels:
    said = LABELS.copy()
    said[list(rows)] = answer
    return said


def trial(current: Labels, candidate: Labels, *, sure: float = 3.0) -> Trial:
    nothing = np.zeros(N, np.bool_)
    return Trial(LABELS, PATIENTS, nothing, nothing, logits(current), logits(candidate, sure=sure))


def faithful(classes: int = 3) -> Fidelity:
    same = logits(LABELS, classes=classes)
    return Fidelity(LABELS, same, same, 0.0)


def failed(report: GateReport) -> set[str]:
    assert report.accepted == all(check.passed for check in report.checks)
    return {check.name for check in report.checks if not check.passed}


def verdict(trial_: Trial, fidelity: Fidelity | None = None) -> GateReport:
    return judge(model("a"), model("b"), trial_, fidelity or faithful(), seed=0)


def with_uploads(
    base: Trial, labels: Labels, said: Labels, *, classes: int = 3, fresh: bool = True
) -> Trial:
    count = len(labels)
    wide = np.pad(base.candidate, ((0, 0), (0, classes - 3)), constant_values=-9)
    return Trial(
        np.concatenate([base.labels, labels]),
        np.concatenate([base.patients, [f"u{row}" for row in range(count)]]),
        np.concatenate([base.uploaded, np.ones(count, np.bool_)]),
        np.concatenate([base.fresh, np.full(count, fresh)]),
        np.concatenate([base.current, logits(np.minimum(said, 2))]),
        np.concatenate([wide, logits(said, classes=classes)]),
    )


def test_a_candidate_that_answers_alike_is_accepted_with_every_figure() -> None:
    some_wrong = said_wrong(range(110, 120), 2)
    report = verdict(trial(some_wrong, some_wrong))
    assert failed(report) == set()
    assert report.images == N
    assert report.current_version == "a"
    assert report.current == report.candidate
    assert report.candidate["class_accuracy_at_rule"] == pytest.approx(1 - 10 / N)
    names = {check.name for check in report.checks}
    assert names == {
        "accuracy_difference_lower",
        "sensitivity_difference_lower",
        "recall_difference_healthy",
        "recall_difference_one",
        "recall_difference_two",
        "ece_difference",
        "int8_accuracy_drop",
        "golden_error",
    }


@pytest.mark.parametrize(
    ("candidate", "fidelity", "names"),
    [
        # Three in a hundred of one class: as much as a recall may fall.
        (said_wrong(range(100, 103), 2), faithful(), {"accuracy_difference_lower"}),
        # The same, as findings that are not seen.
        (
            said_wrong(range(100, 103), 0),
            faithful(),
            {"accuracy_difference_lower", "sensitivity_difference_lower"},
        ),
        (
            said_wrong(range(100, 105), 2),
            faithful(),
            {"accuracy_difference_lower", "recall_difference_one"},
        ),
        (
            LABELS,
            Fidelity(LABELS, logits(LABELS), logits(said_wrong(range(5), 1)), 0.0),
            {"int8_accuracy_drop"},
        ),
        (LABELS, replace(faithful(), golden_error=0.06), {"golden_error"}),
    ],
)
def test_what_is_worse_is_refused_by_name(
    candidate: Labels, fidelity: Fidelity, names: set[str]
) -> None:
    assert failed(verdict(trial(LABELS, candidate), fidelity)) == names


def test_confidence_that_is_not_earned_is_refused() -> None:
    wrong = said_wrong(range(100, 150), 2)
    report = verdict(trial(wrong, wrong, sure=9.0))
    assert failed(report) == {"ece_difference"}


def test_errors_of_one_patient_weigh_as_one_draw() -> None:
    spread = said_wrong(range(100, 103), 2)
    together = replace(
        trial(LABELS, spread), patients=np.where(np.arange(N) < 150, "same", PATIENTS)
    )
    apart = {c.name: c.value for c in verdict(trial(LABELS, spread)).checks}
    grouped = {c.name: c.value for c in verdict(together).checks}
    assert grouped["accuracy_difference_lower"] != apart["accuracy_difference_lower"]


def test_the_same_seed_gives_the_same_report() -> None:
    case = replace(
        trial(LABELS, said_wrong(range(100, 117, 3), 2)),
        patients=np.array([f"p{int(row**0.8)}" for row in range(N)]),
    )
    one, same, other = (
        judge(model("a"), model("b"), case, faithful(), seed=seed) for seed in (1, 1, 2)
    )
    assert one == same
    assert one.checks != other.checks


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (lambda labels: labels, set()),
        (lambda labels: np.random.default_rng(0).permutation(labels), {"upload_label_agreement"}),
    ],
)
def test_labels_that_nothing_foretells_are_refused(
    order: Callable[[Labels], Labels], names: set[str]
) -> None:
    true = np.repeat(np.arange(3), 20)
    report = verdict(with_uploads(trial(LABELS, LABELS), order(true), true))
    assert failed(report) == names


def test_a_few_uploads_or_known_ones_are_not_asked_for_agreement() -> None:
    true = np.repeat(np.arange(3), 20)
    wrong = np.roll(true, 20)
    few = with_uploads(trial(LABELS, LABELS), wrong[:5], true[:5])
    old = with_uploads(trial(LABELS, LABELS), wrong, true, fresh=False)
    for case in (few, old):
        assert "upload_label_agreement" not in {check.name for check in verdict(case).checks}


@pytest.mark.parametrize(
    ("told", "names"),
    [(range(20), set()), (range(9), {"recall_new", "upload_label_agreement"})],
)
def test_a_new_class_must_be_called_by_its_name(told: range, names: set[str]) -> None:
    labels = np.full(20, 3)
    said = np.zeros(20, np.int64)
    said[list(told)] = 3
    case = with_uploads(trial(LABELS, LABELS), labels, said, classes=4)
    report = judge(model("a"), model("b", (*CLASSES, "new")), case, faithful(4), seed=0)
    assert failed(report) == names
    # The old classes are judged on pictures of the old ones alone.
    assert report.candidate["class_accuracy_at_rule"] == 1.0
    assert report.images == N + 20


def test_old_pictures_that_a_new_class_takes_are_refused() -> None:
    new = np.full(20, 3)
    case = with_uploads(trial(LABELS, LABELS), new, new, classes=4)
    candidate = case.candidate.copy()
    candidate[200:210] = [0, 0, 0, 3]
    report = judge(
        model("a"),
        model("b", (*CLASSES, "new")),
        replace(case, candidate=candidate),
        faithful(4),
        seed=0,
    )
    assert failed(report) == {"accuracy_difference_lower", "recall_difference_two"}


def test_nothing_to_compare_on_is_a_fault_of_the_caller() -> None:
    case = replace(trial(LABELS, LABELS), labels=np.full(N, 3))
    with pytest.raises(ValueError, match="no picture"):
        verdict(case)


def test_agreement_is_what_chance_does_not_explain() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    assert agreement(labels, labels) == 1.0
    assert agreement(labels, rng.permutation(labels)) == pytest.approx(0.0, abs=0.05)
    assert agreement(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])) == pytest.approx(0.5)
    assert agreement(labels[:0], labels[:0]) == 0.0
