"""Whether a consumer that gets nothing is idle or stuck."""

from dataclasses import dataclass

STRIKES = 2
"""Looks in a row that must find no progress."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a consumer found.

    polled: something came since the look before. free: it could take more. behind: there is more
    than it has read; None: the broker did not say.
    """

    polled: bool
    free: bool
    behind: bool | None


def count_strikes(strikes: int, look: Look) -> int:
    """Give the number of looks in a row that found a consumer at a standstill."""
    standstill = look.free and not look.polled and look.behind is True
    return strikes + 1 if standstill else 0


def is_stuck(strikes: int) -> bool:
    """Tell whether to give the consumer up: once may be a slow broker."""
    return strikes >= STRIKES
