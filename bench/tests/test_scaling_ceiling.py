"""What the keys and the number of partitions cost, whatever the code does."""

import pytest

from bench.scaling_ceiling import closed_loop_share, even_share


@pytest.mark.parametrize(
    ("workers", "share"),
    [(1, 1), (2, 1), (3, 1), (5, 24 / 25), (7, 6 / 7), (8, 1), (24, 1), (48, 1 / 2)],
)
def test_the_worker_with_the_most_partitions_is_full_first(workers, share):
    assert even_share(24, workers) == pytest.approx(share)


def test_one_worker_is_never_without_a_request():
    assert closed_loop_share(24, 1, clients=1) == pytest.approx(1, abs=0.01)


def test_few_clients_leave_workers_idle_and_many_do_not():
    few, many = (closed_loop_share(24, 8, clients=clients) for clients in (8, 512))
    assert few < 0.7
    assert 0.98 < many <= 1


def test_many_clients_reach_what_the_partitions_allow():
    for workers in (5, 7):
        share = closed_loop_share(24, workers, clients=512)
        assert share == pytest.approx(even_share(24, workers), abs=0.02)


def test_the_same_seed_gives_the_same_share():
    assert closed_loop_share(24, 8, 64) == closed_loop_share(24, 8, 64)
    assert closed_loop_share(24, 8, 64, seed=1) != closed_loop_share(24, 8, 64)
