import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.core.figures import ThresholdRule, binary_figures, calibration_error
from trainer.core.thresholds import sensitivity_threshold


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=80),
    st.lists(st.floats(0, 1, width=32), max_size=20),
    st.sampled_from([0.8, 0.9, 0.95]),
)
def test_the_threshold_keeps_the_sensitivity_and_a_higher_one_would_not(
    ill: list[float], well: list[float], sensitivity: float
) -> None:
    p = np.clip(np.array([*ill, *well], np.float32), 0.01, 0.99)
    truth = np.array([True] * len(ill) + [False] * len(well))
    threshold = sensitivity_threshold(p, truth, sensitivity=sensitivity)
    assert (p[truth] >= np.float32(threshold)).mean() >= sensitivity - 1e-9
    assert 0 < threshold < 1
    above = p[truth] > np.float32(threshold)
    assert above.mean() <= sensitivity or (p[truth] == p[truth].max()).all() or len(ill) < 20


def test_a_threshold_stays_inside_the_unit_interval() -> None:
    sure = np.array([1.0, 1.0], np.float32)
    assert sensitivity_threshold(sure, np.array([True, True]), sensitivity=0.95) < 1


@pytest.mark.parametrize(
    ("probabilities", "decided"),
    [
        ([0.6, 0.3, 0.1], 0),
        ([0.4, 0.35, 0.25], 0),
        ([0.3, 0.3, 0.4], 2),
        ([0.1, 0.5, 0.4], 1),
    ],
)
def test_the_rule_leaves_the_reference_at_its_threshold(
    probabilities: list[float], decided: int
) -> None:
    rule = ThresholdRule(reference=0, threshold=0.65)
    assert rule.decide(np.array([probabilities], np.float32)).tolist() == [decided]


def test_binary_figures_are_counted_at_the_rule() -> None:
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], np.float32)
    figures = binary_figures(p, np.array([0, 0, 1, 1]), ThresholdRule(0, 0.5))
    assert figures["sensitivity"] == figures["specificity"] == 0.5
    assert figures["auc"] == 0.75


def test_sure_and_wrong_is_the_largest_calibration_error() -> None:
    sure = np.array([1.0, 1.0], np.float32)
    assert calibration_error(sure, np.array([False, False])) == pytest.approx(1)
    assert calibration_error(sure, np.array([True, True])) == pytest.approx(0)


def test_doubt_where_there_is_none_to_have_is_an_error_too() -> None:
    unsure = np.array([0.6, 0.6], np.float32)
    assert calibration_error(unsure, np.array([True, True])) == pytest.approx(0.4)
