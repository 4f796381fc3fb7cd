"""Stored values to grey levels, against the formulas of PS3.3 C.11."""

import numpy as np
import pytest

from gateway.core.grey_scale import (
    GreyScale,
    GreyWindow,
    Lookup,
    Rescale,
    Shape,
    choose_window,
    is_usable,
    level_table,
)

ALL = np.arange(4096, dtype=np.int64)
ONCE = np.ones(4096, dtype=np.int64)


def levels(*values, **scale):
    return level_table(ALL, ONCE, GreyScale(**scale))[list(values)].tolist()


@pytest.mark.parametrize(
    ("window", "values", "expected"),
    [
        # c - .5 - (w - 1) / 2 = 0 and c - .5 + (w - 1) / 2 = 255: the standard's own example
        (GreyWindow(128, 256), (0, 100, 255, 256), [0, 100, 255, 255]),
        (GreyWindow(1000, 1), (999, 1000), [0, 255]),
        (GreyWindow(1000, 510, Shape.LINEAR_EXACT), (745, 1000, 1255, 4000), [0, 128, 255, 255]),
        (GreyWindow(2000, 1000, Shape.SIGMOID), (0, 2000, 2500, 4000), [0, 128, 225, 255]),
        (Lookup(10, np.array([0.0, 50.0, 100.0])), (0, 10, 11, 12, 4000), [0, 0, 128, 255, 255]),
        (Lookup(0, np.array([7.0, 7.0])), (0, 1), [0, 0]),
    ],
)
def test_a_window_spreads_what_it_says(window, values, expected):
    assert levels(*values, window=window) == expected


def test_real_values_are_windowed_and_not_stored_ones():
    window = GreyWindow(-872, 256)
    assert levels(0, 127, 255, modality=Rescale(1, -1000), window=window) == [0, 127, 255]
    table = Lookup(100, np.arange(4096.0)[::-1])
    assert levels(0, 100, 4095, modality=table, window=GreyWindow(2048, 4096)) == [255, 255, 6]


def test_inversion_turns_the_picture_and_leaves_padding_black():
    said = levels(0, 2047, 4095, window=GreyWindow(2048, 4096), is_inverse=True, padding=(0, 0))
    assert said == [0, 128, 0]


def test_without_a_window_the_picture_s_own_values_are_spread_whatever_its_padding_and_tails():
    counts = np.zeros(4096, dtype=np.int64)
    counts[1000:1256] = 100
    counts[0] = 1_000_000
    counts[4095] = 3
    scale = GreyScale(padding=(0, 0))
    said = level_table(ALL, counts, scale)[[0, 1000, 1100, 1255, 4095]]
    assert said.tolist() == [0, 0, 100, 255, 255]


@pytest.mark.parametrize("counts", [np.zeros(4096, dtype=np.int64), ONCE * (ALL == 7)])
def test_a_picture_of_one_value_or_none_is_black(counts):
    assert not level_table(ALL, counts, GreyScale()).any()


@pytest.mark.parametrize(
    ("window", "usable"),
    [
        (GreyWindow(1, 1), True),
        (GreyWindow(1, 0.5), False),
        (GreyWindow(1, 0.5, Shape.LINEAR_EXACT), True),
        (GreyWindow(1, 0, Shape.SIGMOID), False),
        (GreyWindow(1, -5), False),
        (GreyWindow(float("nan"), 5), False),
        (GreyWindow(1, float("inf")), False),
    ],
)
def test_a_width_of_nothing_is_no_window(window, usable):
    assert is_usable(window) is usable


def test_the_first_window_that_holds_a_quarter_of_the_pixels_is_chosen():
    counts = np.where((ALL >= 1000) & (ALL < 2000), 10, 0)
    # Background and saturation: most of the pixels, and outside of every good window.
    counts[[0, 4095]] = 100_000
    eight_bits, narrow, lookup = (
        GreyWindow(128, 256),
        GreyWindow(1100, 520),
        Lookup(0, np.arange(256.0)),
    )

    def chosen(*windows, **scale):
        return choose_window(windows, ALL, counts, GreyScale(**scale)).window

    assert chosen(lookup, eight_bits, narrow) is narrow
    assert chosen(lookup, eight_bits) is None
    assert chosen(GreyWindow(-900, 520), modality=Rescale(1, -2000)) == GreyWindow(-900, 520)
    assert chosen(eight_bits, padding=(1000, 4095)) == eight_bits
