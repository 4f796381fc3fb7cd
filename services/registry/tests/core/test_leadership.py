import pytest

from registry.core.leadership import LEASE_MS, decide_leadership, is_held
from registry.core.lease import Lease

NOW = 1_000_000


@pytest.mark.parametrize(
    "held",
    [
        None,
        Lease("me", NOW + 5),
        Lease("other", NOW),
        Lease("other", NOW - 1),
        Lease("other", NOW + 2 * LEASE_MS + 1),  # written by a clock gone wrong
    ],
)
def test_leadership_is_taken_where_nobody_else_has_it(held: Lease | None) -> None:
    assert decide_leadership(held, "me", NOW) == Lease("me", NOW + LEASE_MS)


@pytest.mark.parametrize("until_ms", [NOW + 1, NOW + LEASE_MS, NOW + 2 * LEASE_MS])
def test_another_s_leadership_is_left_alone(until_ms: int) -> None:
    assert decide_leadership(Lease("other", until_ms), "me", NOW) is None


def test_a_lease_counts_until_its_end() -> None:
    assert is_held(Lease("other", NOW + 1), NOW)
    assert not is_held(Lease("other", NOW), NOW)
