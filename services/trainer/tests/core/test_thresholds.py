import numpy as np
import pytest

from trainer.core.figures import Rule, binary_figures, calibration_error
from trainer.core.thresholds import balanced_threshold


def test_the_threshold_separates_what_can_be_separated() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.7, 0.8], np.float32)
    threshold = balanced_threshold(p, np.array([False, False, False, True, True]))
    assert threshold == pytest.approx(0.5, abs=0.01)


def test_the_threshold_follows_a_shift_of_every_score() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(400) < 0.7
    p = np.clip(0.75 + 0.1 * truth + rng.normal(0, 0.03, 400), 0, 1).astype(np.float32)
    assert 0.77 < balanced_threshold(p, truth) < 0.83


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
    rule = Rule(reference=0, threshold=0.65)
    assert rule.decide(np.array([probabilities], np.float32)).tolist() == [decided]


def test_binary_figures_are_counted_at_the_rule() -> None:
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], np.float32)
    figures = binary_figures(p, np.array([0, 0, 1, 1]), Rule(0, 0.5))
    assert figures["sensitivity"] == figures["specificity"] == 0.5
    assert figures["auc"] == 0.75


def test_sure_and_wrong_is_the_largest_calibration_error() -> None:
    sure = np.array([1.0, 1.0], np.float32)
    assert calibration_error(sure, np.array([False, False])) == pytest.approx(1)
    assert calibration_error(sure, np.array([True, True])) == pytest.approx(0)


def test_doubt_where_there_is_none_to_have_is_an_error_too() -> None:
    unsure = np.array([0.6, 0.6], np.float32)
    assert calibration_error(unsure, np.array([True, True])) == pytest.approx(0.4)
