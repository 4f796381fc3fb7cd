"""How long to leave a broker alone after it did not answer."""

_FIRST_S = 0.25
_LONGEST_S = 10.0
_DOUBLINGS = 10


def retry_delay_s(failures: int) -> float:
    """Give the wait before the next attempt, seconds: doubled each time, 10 s at most.

    failures: attempts in a row that failed, 1 or more.
    """
    doublings = min(failures - 1, _DOUBLINGS)  # 2**n of an outage of days is no float any more
    return min(_FIRST_S * 2.0**doublings, _LONGEST_S)
