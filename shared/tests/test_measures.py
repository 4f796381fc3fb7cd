import numpy as np
import pytest

from shared.insights.measures import edge_density, intensity_histogram, sharpness

FLAT = np.full((16, 16), 90, np.uint8)


def halves(low: int, high: int) -> np.ndarray:
    grey = np.full((16, 16), low, np.uint8)
    grey[:, 8:] = high
    return grey


def test_a_histogram_counts_every_pixel_once() -> None:
    counts = intensity_histogram(halves(3, 255))
    assert counts.shape == (256,)
    assert counts[3] == counts[255] == 128
    assert counts.sum() == 256


def test_a_flat_picture_has_no_edge_and_no_sharpness() -> None:
    assert edge_density(FLAT) == 0
    assert sharpness(FLAT) == 0


def test_one_step_is_an_edge_two_pixels_wide() -> None:
    assert edge_density(halves(0, 200)) == pytest.approx(2 / 14)
    # A step of 16 reaches the strength without passing it.
    assert edge_density(halves(100, 116)) == 0
    assert edge_density(halves(100, 117)) == pytest.approx(2 / 14)


def test_steps_are_seen_in_both_directions() -> None:
    grey = halves(0, 200)
    assert edge_density(grey.T) == edge_density(grey)


def test_noise_is_sharper_than_a_ramp() -> None:
    ramp = np.tile(np.arange(16, dtype=np.uint8) * 16, (16, 1))
    noise = np.random.default_rng(0).integers(0, 256, (16, 16)).astype(np.uint8)
    assert sharpness(ramp) == 0
    assert sharpness(noise) > 1000
