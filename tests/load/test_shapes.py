"""How many clients there are at which moment."""

import pytest

from load.shapes import LoadShape, clients_at

TOP, RUN_S = 20, 100.0


def course(shape: LoadShape) -> list[int | None]:
    return [clients_at(shape, second, RUN_S, TOP) for second in range(101)]


@pytest.mark.parametrize("shape", LoadShape)
def test_a_run_has_clients_from_its_first_second_and_ends(shape):
    *during, after = course(shape)
    assert after is None
    assert all(clients >= 1 for clients in during)


def test_a_ramp_climbs_to_the_top_and_never_down():
    during = course(LoadShape.RAMP)[:-1]
    assert during == sorted(during)
    assert (during[0], during[-1]) == (1, TOP)


def test_a_soak_stays_at_the_top():
    during = course(LoadShape.SOAK)[:-1]
    assert set(during[10:]) == {TOP}


def test_a_spike_is_three_times_the_top_and_over_again():
    during = course(LoadShape.SPIKE)[:-1]
    assert set(during[40:60]) == {3 * TOP}
    assert set(during[:40] + during[60:]) == {TOP // 4}


def test_a_flood_comes_at_once():
    assert set(course(LoadShape.FLOOD)[:-1]) == {TOP}
