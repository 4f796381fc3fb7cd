"""Idle is not stuck."""

from hypothesis import given
from hypothesis import strategies as st

from inference_worker.core.progress import Look, count_strikes, is_stuck

STANDSTILL = Look(polled=False, free=True, behind=True)
FINE = [
    Look(polled=False, free=True, behind=False),  # idle
    Look(polled=False, free=True, behind=None),  # broker away
    Look(polled=False, free=False, behind=True),  # busy
    Look(polled=True, free=True, behind=True),  # at work
]


@given(st.lists(st.sampled_from([STANDSTILL, *FINE]), max_size=20))
def test_only_two_standstills_in_a_row_are_stuck(looks):
    strikes, stuck = 0, []
    for look in looks:
        strikes = count_strikes(strikes, look)
        stuck.append(is_stuck(strikes))
    twice = [
        n > 0 and looks[n] is STANDSTILL and looks[n - 1] is STANDSTILL for n in range(len(looks))
    ]
    assert stuck == twice
