"""Which part of its range an image of more than 8 bits is spread over."""

import numpy as np
import pytest

from shared.deep_grey import new_deep_scale

RAMP = np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100)


def with_first(value, values=RAMP):
    values = values.copy()
    values[0, 0] = value
    return values


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ((RAMP * 65_535).astype(np.uint16), 0, 65_535),
        ((RAMP * 4_095).astype(np.uint16), 0, 4_095),
        (with_first(65_535, (RAMP * 4_095).astype(np.uint16)), 4, 4_091),
        (RAMP, 0, 1),
        (with_first(np.nan), 0, 1),
        (with_first(-np.inf), 0, 1),
        (with_first(50.0), 0.001, 0.999),
        (with_first(1e6), 0.001, 0.999),
        (with_first(-3.4e38), 0.001, 0.999),
        (with_first(2**31 - 1, (RAMP * 4_095).astype(np.int32)), 4, 4_091),
    ],
    ids=[
        *("16 bits", "12 bits", "12 bits and a dead pixel", "fractions", "not a number"),
        *("infinite", "a dead fraction", "a distant one", "a filler", "32 bits and a dead pixel"),
    ],
)
@pytest.mark.parametrize("bands", [1, 7])
def test_a_few_extreme_pixels_do_not_stretch_the_range(values, low, high, bands):
    scale = new_deep_scale(lambda: np.array_split(values, bands), is_inverse=False)
    assert (scale.low, scale.high) == pytest.approx((low, high), rel=1e-3, abs=1e-3)
    assert len(np.unique(np.asarray(scale.to_grey(values)))) == 256
