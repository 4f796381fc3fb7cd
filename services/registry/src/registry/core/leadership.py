"""Which of several registries over one database does what one of them has to do.

Nothing that is kept depends on it: every change is a transaction of its own. Were there two leaders
for a moment (clocks that disagree, a process that slept), events would go out twice or an old one
late, and those who read them know both.
"""

from registry.core.lease import Lease

LEADERSHIP = "leadership"
"""The name of the lease."""
LEASE_MS = 12_000
"""A leader that was killed is followed so much later at the most, and a look."""
RENEW_S = 3.0
"""A leader renews, and the others look, so often."""
MARGIN_S = 2.0
"""A leader that could not renew stops so long before others may begin."""


def decide_leadership(held: Lease | None, holder: str, now_ms: int) -> Lease | None:
    """Give the lease that `holder` has from now on; None while another has it."""
    if held is not None and held.holder != holder and is_held(held, now_ms):
        return None
    return Lease(holder, now_ms + LEASE_MS)


def is_held(lease: Lease, now_ms: int) -> bool:
    """Tell whether a lease still counts."""
    # One that a clock gone wrong had written for next year would leave everybody without a leader.
    return now_ms < lease.until_ms <= now_ms + 2 * LEASE_MS
