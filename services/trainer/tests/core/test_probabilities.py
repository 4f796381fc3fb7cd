import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.core.arrays import Floats, Labels
from trainer.core.probabilities import Calibrated, equal_weights, fit_calibration, softmax


def drawn(seed: int, count: int, classes: int) -> tuple[Floats, Labels]:
    """Logits whose softmax is true: each label is drawn from its own row."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, classes)).astype(np.float32)
    p = softmax(logits)
    labels = np.array([rng.choice(classes, p=row / row.sum()) for row in p.astype(float)])
    return logits, labels.astype(np.int64)


def log_loss(probabilities: Floats, labels: Labels) -> float:
    weights = equal_weights(labels, probabilities.shape[1])
    return float(-(weights * np.log(probabilities[np.arange(len(labels)), labels])).mean())


@settings(deadline=None)
@given(
    st.lists(st.lists(st.floats(-500, 500), min_size=3, max_size=3), min_size=1, max_size=8),
    st.floats(0.05, 20),
)
def test_probabilities_are_finite_and_sum_to_one(
    rows: list[list[float]], temperature: float
) -> None:
    calibrated = Calibrated(temperature, (0.1, -0.3, 0.2))
    probabilities = calibrated.probabilities(np.array(rows, np.float32))
    assert np.isfinite(probabilities).all()
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    logits, labels = drawn(0, 6_000, 3)
    # Equal weights ask for the balanced posterior, so the draw must be balanced already.
    found = fit_calibration(logits * np.float32(temperature), labels)
    assert found.temperature == pytest.approx(temperature, rel=0.08)
    assert np.abs(found.bias).max() < 0.15


def test_a_moved_intercept_is_moved_back() -> None:
    logits, labels = drawn(1, 6_000, 3)
    moved = logits + np.array([2.0, -1.0, -1.0], np.float32)
    assert fit_calibration(moved, labels).bias == pytest.approx((-2.0, 1.0, 1.0), abs=0.15)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 30), st.floats(0.3, 4), st.floats(-3, 3))
def test_calibration_never_makes_the_likelihood_worse(seed: int, gain: float, lift: float) -> None:
    logits, labels = drawn(seed, 120, 3)
    skewed = logits * np.float32(gain) + np.array([lift, 0, 0], np.float32)
    found = fit_calibration(skewed, labels)
    assert log_loss(found.probabilities(skewed), labels) <= log_loss(softmax(skewed), labels) + 1e-4
    assert sum(found.bias) == pytest.approx(0, abs=1e-6)


def test_every_class_weighs_alike() -> None:
    labels = np.array([0] * 90 + [1] * 10, np.int64)
    weights = equal_weights(labels, 2)
    assert weights[:90].sum() == pytest.approx(weights[90:].sum())
    assert weights.mean() == pytest.approx(1)
