"""Curves and counts over every threshold, held against scikit-learn's."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from shared.insights.screening import (
    calibration_error,
    count_at,
    precision_recall,
    reliability,
    roc,
    scores_of,
)


def drawn(count: int = 600) -> tuple[list[bool], list[float]]:
    rng = np.random.default_rng(5)
    truth = rng.random(count) < 0.4
    score = (0.5 + 0.25 * (truth - 0.5) + rng.normal(0, 0.2, count)).clip(0, 1)
    return truth.tolist(), score.round(2).tolist()  # with many ties


def test_areas_are_those_of_the_reference() -> None:
    truth, score = drawn()
    scores = scores_of(truth, score)
    assert roc(scores).area == pytest.approx(roc_auc_score(truth, score), abs=1e-5)
    line = precision_recall(scores)
    assert line.area == pytest.approx(average_precision_score(truth, score), abs=1e-5)
    precision, recall, _ = precision_recall_curve(truth, score)
    points = set(zip(recall.round(5).tolist(), precision.round(5).tolist(), strict=True))
    assert set(zip(line.x, line.y, strict=True)) <= points


def test_a_curve_keeps_its_ends_and_at_most_201_points() -> None:
    rng = np.random.default_rng(1)
    truth, score = (rng.random(5000) < 0.5).tolist(), rng.random(5000).tolist()
    line = roc(scores_of(truth, score))
    assert len(line.x) == len(line.y) == 201
    assert (line.x[0], line.y[0], line.x[-1], line.y[-1]) == (0, 0, 1, 1)
    assert line.area == pytest.approx(roc_auc_score(truth, score), abs=1e-5)
    few = roc(scores_of([True, False], [0.9, 0.1]))
    assert (few.x, few.y, few.area) == ((0, 0, 1), (0, 1, 1), 1)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.57, 1.0])
def test_counts_at_a_threshold_are_those_of_a_loop(threshold: float) -> None:
    truth, score = drawn()
    found = count_at(scores_of(truth, score), threshold)
    said = [one >= threshold for one in score]
    pairs = list(zip(said, truth, strict=True))
    assert found.true_positives == pairs.count((True, True))
    assert found.false_positives == pairs.count((True, False))
    assert found.true_negatives == pairs.count((False, False))
    assert found.false_negatives == pairs.count((False, True))


def test_predictive_values_follow_bayes_and_are_none_of_nobody() -> None:
    truth, score = drawn()
    found = count_at(scores_of(truth, score), 0.5)
    own = sum(truth) / len(truth)
    assert found.predictive_values(own) == pytest.approx(found.predictive_values(None), abs=1e-4)
    assert found.sensitivity is not None
    assert found.specificity is not None
    ppv, _ = found.predictive_values(0.01)
    odds = found.sensitivity / (1 - found.specificity) * 0.01 / 0.99
    assert ppv == pytest.approx(odds / (1 + odds), abs=1e-4)
    nobody = count_at(scores_of([True, False], [0.2, 0.1]), 0.9)
    assert nobody.predictive_values(None)[0] is None
    assert (nobody.f1, count_at(scores_of([False], [0.2]), 0.9).sensitivity) == (0, None)


def test_reliability_compares_what_was_said_with_what_came_true() -> None:
    score = [0.05] * 10 + [0.95] * 20 + [1.0] * 5
    truth = [True] * 1 + [False] * 9 + [True] * 18 + [False] * 2 + [True] * 5
    low, high = reliability(scores_of(truth, score))
    assert (low.low, low.high, low.count, low.observed) == (0.0, 0.1, 10, 0.1)
    assert (high.count, high.observed) == (25, 23 / 25)
    assert math.isclose(high.predicted, (0.95 * 20 + 5) / 25)
    expected = (abs(0.1 - 0.05) * 10 + abs(23 / 25 - 24 / 25) * 25) / 35
    assert calibration_error((low, high)) == pytest.approx(expected)
