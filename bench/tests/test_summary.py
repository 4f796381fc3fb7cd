"""Medians, spread, ratios within rounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.compare.records import (
    Cell,
    Key,
    Machine,
    RoundSpread,
    Session,
    best_key,
    compare_cells,
    p50,
    rate,
    spread_of,
    spread_over_rounds,
)
from shared.testing.load import percentile

OURS, THEIRS = Key("pneumostream", "224px", 1), Key("litserve", "224px", 1)
MACHINE = Machine("today", "a CPU", 2, 8.0, "Linux", "3.11", {})


def cell(key, round_, requests, p50_ms=1.0):
    return Cell(round_, key, requests, 2.0, p50_ms, 2.0, 3.0, {}, {})


def session(*cells):
    return Session(MACHINE, 2.0, 3, tuple(cells))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values, share):
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert sum(v <= found for v in ordered) >= share * len(ordered) - 1e-9
    assert sum(v < found for v in ordered) < share * len(ordered) + 1e-9


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_percentiles_of_one_to_a_hundred(share, expected):
    assert percentile(list(range(1, 101)), share) == expected


def test_a_spread_is_median_least_and_greatest():
    assert spread_of([3, 1, 2]) == RoundSpread(2, 1, 3)
    assert spread_of([]) is None


def test_a_figure_is_taken_over_the_rounds_of_its_own_cell():
    cells = (cell(OURS, 1, 200), cell(OURS, 2, 400), cell(THEIRS, 1, 900))
    assert spread_over_rounds(session(*cells), OURS, rate) == RoundSpread(150, 100, 200)


def test_ratios_are_taken_within_a_round():
    # The machine is half as fast in the second round: the ratio is the same.
    cells = (
        cell(OURS, 1, 400),
        cell(THEIRS, 1, 200),
        cell(OURS, 2, 200),
        cell(THEIRS, 2, 100),
    )
    assert compare_cells(session(*cells), OURS, THEIRS, rate) == RoundSpread(2, 2, 2)


def test_a_round_in_which_one_of_the_two_failed_gives_no_ratio():
    cells = (cell(OURS, 1, 400), cell(OURS, 2, 300), cell(THEIRS, 2, 100))
    assert compare_cells(session(*cells), OURS, THEIRS, rate) == RoundSpread(3, 3, 3)
    assert compare_cells(session(cell(OURS, 1, 4)), OURS, THEIRS, rate) is None


def test_the_best_peer_has_the_highest_rate_or_the_lowest_latency():
    measured = session(cell(OURS, 1, 400, p50_ms=9.0), cell(THEIRS, 1, 200, p50_ms=4.0))
    missing = Key("nobody", "224px", 1)
    assert best_key(measured, [OURS, THEIRS, missing], rate, least=False) == OURS
    assert best_key(measured, [OURS, THEIRS, missing], p50, least=True) == THEIRS
    assert best_key(measured, [missing], rate, least=False) is None
