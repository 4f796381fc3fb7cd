import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from trainer.core.bootstrap import intervals
from trainer.core.figures import ThresholdRule, all_figures
from trainer.core.gate import Contestant
from trainer.core.probabilities import Calibrated
from trainer.core.replay import Remembered
from trainer.core.validated import _areas, evaluation_of

CLASSES = ("clear", "one", "two")
MODEL = Contestant("v", CLASSES, Calibrated(1.0, (0.0, 0.0, 0.0)), ThresholdRule(0, 0.6))


def held(count: int = 400, *, seed: int = 1) -> Remembered:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    logits = rng.normal(0, 1, (count, 3)) + 1.5 * np.eye(3)[labels]
    logits = logits.round(1).astype(np.float32)  # with ties
    patients = np.array([f"patient-{n}" for n in rng.integers(0, count // 3, count)])
    pictures = np.array([f"file-{n}" for n in range(count)])
    return Remembered(np.zeros((count, 1), np.float16), logits, labels, pictures, patients)


def test_figures_and_intervals_are_those_of_the_slow_way() -> None:
    rows = held()
    probabilities = MODEL.calibrated.probabilities(rows.logits)
    evaluation = evaluation_of(rows, MODEL)
    assert evaluation.figures == pytest.approx(
        all_figures(probabilities, rows.labels, CLASSES, MODEL.rule), abs=1e-5
    )
    slow = intervals(
        lambda drawn: all_figures(probabilities[drawn], rows.labels[drawn], CLASSES, MODEL.rule),
        rows.patients.tolist(),
        draws=300,
    )
    assert {"auc", "accuracy", "balanced_accuracy", "recall_two"} <= evaluation.intervals.keys()
    for name, ends in evaluation.intervals.items():
        # Both are drawn: an end moves by a few thousandths.
        assert ends == pytest.approx(slow[name], abs=0.015), name


def test_of_like_scores_half_the_pairs_count() -> None:
    score = np.array([0.5, 0.5, 0.5, 0.7, 0.2], np.float32)
    truth = np.array([True, False, False, True, False])
    once, twice = _areas(score, truth, np.array([[1.0] * 5, [1.0, 1.0, 2.0, 0.0, 0.0]]))
    assert once == pytest.approx(roc_auc_score(truth, score))
    assert twice == 0.5  # only like scores are left in this draw


def test_it_keeps_every_answer_and_nothing_that_names_one() -> None:
    rows = held()
    evaluation = evaluation_of(rows, MODEL)
    assert evaluation.patients == len(set(rows.patients.tolist()))
    pairs = list(zip(evaluation.labels, evaluation.probabilities, strict=True))
    assert pairs == sorted(pairs)  # so no order of files is left
    said = MODEL.calibrated.probabilities(rows.logits).astype(np.float64).round(4)
    assert pairs == sorted(zip(rows.labels.tolist(), map(tuple, said.tolist()), strict=True))
    text = evaluation.model_dump_json()
    assert "file-" not in text
    assert "patient-" not in text


def test_what_is_not_defined_is_left_out() -> None:
    rows = held()
    only = rows.take(np.flatnonzero(rows.labels == 1))
    evaluation = evaluation_of(only, MODEL)
    assert {"specificity", "auc", "recall_two"}.isdisjoint(evaluation.intervals)
    assert {"specificity", "auc", "recall_two"}.isdisjoint(evaluation.figures)
    assert evaluation.intervals["sensitivity"][0] <= evaluation.figures["sensitivity"]
