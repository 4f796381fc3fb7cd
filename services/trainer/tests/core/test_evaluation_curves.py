import numpy as np
import pytest

from trainer.core.evaluation_curves import (
    CurvePoint,
    confusion,
    operating_points,
    precision_recall,
    reliability,
    roc,
)

TRUTH = np.array([False, False, True, True])
SCORE = np.array([0.1, 0.4, 0.35, 0.8], np.float32)


def test_the_roc_of_a_known_case() -> None:
    curve = roc("finding", TRUTH, SCORE)
    assert curve.area == pytest.approx(0.75)
    assert (curve.x[0], curve.y[0]) == (0, 0)
    assert (curve.x[-1], curve.y[-1]) == (1, 1)


def test_the_average_precision_of_a_known_case() -> None:
    # Precision 1 at recall ½, then 2/3 at recall 1.
    curve = precision_recall("finding", TRUTH, SCORE)
    assert curve.area == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert curve.x[0] == 0


def test_a_curve_is_thinned_and_keeps_its_area() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(5000) < 0.5
    score = (rng.random(5000) + 0.3 * truth).astype(np.float32)
    curve = roc("finding", truth, score)
    assert len(curve.x) <= 200
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(curve.area, abs=2e-3)


def test_reliability_leaves_empty_bins_out() -> None:
    bins = reliability(np.array([0.05, 0.05, 1.0]), np.array([True, False, True]))
    assert [(b.observed, b.count) for b in bins] == [(0.5, 2), (1.0, 1)]
    assert bins[0].predicted == pytest.approx(0.05)


def test_operating_points_include_the_chosen_threshold() -> None:
    points = operating_points(SCORE, TRUTH, chosen=0.37, thresholds=(0.2, 0.5))
    assert [(p.threshold, p.sensitivity, p.specificity, p.chosen) for p in points] == [
        (0.2, 1.0, 0.5, False),
        (0.37, 0.5, 0.5, True),
        (0.5, 0.5, 1.0, False),
    ]


def test_a_finding_exactly_at_the_threshold_counts_as_found() -> None:
    (point,) = operating_points(
        np.array([0.5, 0.1]), np.array([True, False]), chosen=0.5, thresholds=()
    )
    assert point.sensitivity == 1


def test_predictive_values_follow_bayes() -> None:
    ppv, npv = CurvePoint(0.5, 0.9, 0.8, chosen=False).predictive_values(0.1)
    assert ppv == pytest.approx(0.09 / (0.09 + 0.18))
    assert npv == pytest.approx(0.72 / (0.72 + 0.01))


def test_values_that_nothing_supports_are_zero() -> None:
    never = CurvePoint(1.0, 0.0, 1.0, chosen=False)
    always = CurvePoint(0.0, 1.0, 0.0, chosen=False)
    assert never.predictive_values(0.3)[0] == 0
    assert always.predictive_values(0.3)[1] == 0


def test_confusion_has_the_truth_in_rows() -> None:
    assert confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2) == ((1, 1), (0, 1))
