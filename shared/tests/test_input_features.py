import numpy as np
import pytest

from shared.contracts.bundle import PreprocessingSpec
from shared.input_features import normalise_and_measure
from shared.preprocessing import Grey, normalise

SPEC = PreprocessingSpec()
NOISE = np.random.default_rng(0).integers(40, 160, (224, 224)).astype(np.uint8)


def stripes(low: int, high: int) -> Grey:
    grey = np.full((224, 224), low, np.uint8)
    grey[1::2] = high
    return grey


def test_the_pixels_are_those_of_preprocessing() -> None:
    pixels, _ = normalise_and_measure(NOISE, SPEC)
    assert np.array_equal(pixels, normalise(NOISE, SPEC))


def test_brightness_is_0_where_black_and_1_where_white() -> None:
    for grey, expected in ((0, 0.0), (51, 0.2), (255, 1.0)):
        _, (brightness, edges) = normalise_and_measure(np.full((224, 224), grey, np.uint8), SPEC)
        assert brightness == pytest.approx(expected)
        assert edges == 0


def test_edge_density_by_hand() -> None:
    # Two levels lie one spread of 64 on each side of the mean: a step of 128 of 255.
    _, (brightness, edges) = normalise_and_measure(stripes(100, 110), SPEC)
    assert brightness == pytest.approx(105 / 255)
    assert edges == pytest.approx(128 / 255, abs=1e-4)


def test_edges_are_looked_for_in_every_sixteenth_row_and_the_one_below() -> None:
    for row, seen in (
        (0, True),
        (1, True),
        (2, False),
        (8, False),
        (9, False),
        (16, True),
        (17, True),
    ):
        grey = np.full((224, 224), 100, np.uint8)
        grey[row] = 200
        assert (normalise_and_measure(grey, SPEC)[1][1] > 0) is seen


def test_darker_is_less_bright_and_has_the_same_edges() -> None:
    (bright, edges), (dark, edges_in_the_dark) = (
        normalise_and_measure(grey, SPEC)[1] for grey in (NOISE, NOISE // 2)
    )
    assert dark == pytest.approx(bright / 2, abs=0.01)
    assert edges_in_the_dark == pytest.approx(edges, rel=0.02)
