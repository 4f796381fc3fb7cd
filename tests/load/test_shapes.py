"""How many clients there are at which moment."""

import pytest

from load.shapes import Shape, clients_at

TOP, RUN_S = 20, 100.0


def course(shape: Shape) -> list[int | None]:
    return [clients_at(shape, second, RUN_S, TOP) for second in range(101)]


@pytest.mark.parametrize("shape", Shape)
def test_a_run_has_clients_from_its_first_second_and_ends(shape):
    *during, after = course(shape)
    assert after is None
    assert all(clients >= 1 for clients in during)


def test_a_ramp_climbs_to_the_top_and_never_down():
    during = course(Shape.RAMP)[:-1]
    assert during == sorted(during)
    assert (during[0], during[-1]) == (1, TOP)


def test_a_soak_stays_at_the_top():
    during = course(Shape.SOAK)[:-1]
    assert set(during[10:]) == {TOP}


def test_a_spike_is_three_times_the_top_and_over_again():
    during = course(Shape.SPIKE)[:-1]
    assert set(during[40:60]) == {3 * TOP}
    assert set(during[:40] + during[60:]) == {TOP // 4}


def test_a_flood_comes_at_once():
    assert set(course(Shape.FLOOD)[:-1]) == {TOP}
