"""Whether a call is made again, and when: decided without a clock of its own."""

from dataclasses import dataclass

from pneumo.errors import (
    ConnectionFailedError,
    PneumoError,
    RateLimitedError,
    UnavailableError,
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """attempts: at most, the first included, while nobody says when to come back.

    first_s, most_s: waits grow from one to the other.
    """

    attempts: int = 5
    first_s: float = 0.2
    most_s: float = 5.0

    def pause_s(self, attempt: int, chance: float) -> float:
        """Say how long to wait after this attempt, from 1. chance: in [0, 1).

        Exponential; between half and all of it, so that those who failed together do not come
        back together.
        """
        longest = min(self.most_s, self.first_s * 2.0 ** (attempt - 1))
        return longest * (0.5 + chance / 2)


def decide_wait(
    policy: RetryPolicy,
    attempt: int,
    failure: PneumoError,
    *,
    repeatable: bool,
    left_s: float,
    chance: float,
) -> float | None:
    """Give the seconds to wait before the next attempt; None: the failure is the answer.

    attempt: which one has failed, from 1. left_s: of the caller's time. A `Retry-After` is a
    least: a little is added to it; it is followed as often as the time allows. Who could not wait
    that long hears of the failure at once.
    """
    if not may_repeat(failure, repeatable=repeatable):
        return None
    told_s: float | None = getattr(failure, "retry_after_s", None)
    if told_s is not None:
        least_s = max(told_s, policy.first_s)
        wait_s = least_s + chance * min(1.0, least_s) / 4
    elif attempt < policy.attempts:
        wait_s = policy.pause_s(attempt, chance)
    else:
        return None
    return wait_s if wait_s < left_s else None


def may_repeat(failure: PneumoError, *, repeatable: bool) -> bool:
    """Whether doing it again can help and do no harm.

    What is not repeatable is sent again only if it certainly was not acted upon.
    """
    match failure:
        case ConnectionFailedError():
            return repeatable or not failure.was_sent
        case RateLimitedError():
            return True
        case UnavailableError():
            return repeatable or failure.code == "overloaded"
        case _:
            return False
