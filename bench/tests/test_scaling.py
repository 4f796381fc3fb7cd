"""The arithmetic of the scaling bench: its order, its ratios, its table."""

import statistics

import pytest

from bench.scaling import Cell, ladders, summarise, table

CELLS = [Cell(1, 50.0, 0.2), Cell(4, 180.0, 0.5), Cell(4, 200.0, 0.7), Cell(1, 50.0, 0.4)]


def test_the_ladder_is_gone_up_and_down_in_turn():
    assert ladders(3) == [1, 2, 4, 8, 8, 4, 2, 1, 1, 2, 4, 8]


def test_a_ratio_is_to_so_many_times_one_worker():
    rows = summarise(CELLS)
    assert [(row.workers, row.rate, row.ratio) for row in rows] == [(1, 50, 1), (4, 190, 0.95)]
    assert rows[1].rates == (180.0, 200.0)
    assert rows[1].cpu == pytest.approx(0.6)


def test_without_one_worker_there_is_nothing_to_compare_with():
    with pytest.raises(statistics.StatisticsError):
        summarise([Cell(2, 100.0, 0.1)])


def test_the_table_tells_each_round():
    line = table(summarise(CELLS), clients=256).splitlines()[-1]
    assert line.startswith("| 4 | 190.0 (180.0, 200.0) | 0.950 | 0.9")
    assert line.endswith("| 1.000 | 60% |")
