"""The arithmetic of the scaling bench: its order, its ratios, its table."""

import statistics

import pytest

from bench.scaling import ScalingCell, even_share, ladder_order, render_rows, summarise_cells

CELLS = [
    ScalingCell(1, 50.0, 0.2),
    ScalingCell(4, 180.0, 0.5),
    ScalingCell(4, 200.0, 0.7),
    ScalingCell(1, 50.0, 0.4),
]


def test_the_ladder_is_gone_up_and_down_in_turn():
    assert ladder_order(3) == [1, 2, 4, 8, 8, 4, 2, 1, 1, 2, 4, 8]


def test_a_ratio_is_to_so_many_times_one_worker():
    rows = summarise_cells(CELLS)
    assert [(row.workers, row.rate, row.ratio) for row in rows] == [(1, 50, 1), (4, 190, 0.95)]
    assert rows[1].rates == (180.0, 200.0)
    assert rows[1].cpu == pytest.approx(0.6)


def test_without_one_worker_there_is_nothing_to_compare_with():
    with pytest.raises(statistics.StatisticsError):
        summarise_cells([ScalingCell(2, 100.0, 0.1)])


def test_the_table_tells_each_round():
    line = render_rows(summarise_cells(CELLS)).splitlines()[-1]
    assert line == "| 4 | 190.0 (180.0, 200.0) | 0.950 | 1.000 | 60% |"


@pytest.mark.parametrize(
    ("workers", "share"),
    [(1, 1), (2, 1), (3, 1), (5, 24 / 25), (7, 6 / 7), (8, 1), (24, 1), (48, 1 / 2)],
)
def test_the_worker_with_the_most_partitions_is_full_first(workers, share):
    assert even_share(24, workers) == pytest.approx(share)
