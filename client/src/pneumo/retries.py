"""Whether and when a request is sent again, decided without a clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pneumo.errors import (
    ConnectionFailedError,
    PneumoError,
    RateLimitedError,
    UnavailableError,
)

Sleep = Callable[[float], None]
AsyncSleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, init=False)
class RetryPolicy:
    """attempts: maximum, the first included, while the server sends no `Retry-After`.

    initial_backoff_s, max_backoff_s: the waits double from one to the other. first_s, most_s: their
    earlier names, removed in the next release.
    """

    attempts: int
    initial_backoff_s: float
    max_backoff_s: float

    def __init__(
        self,
        attempts: int = 5,
        initial_backoff_s: float = 0.2,
        max_backoff_s: float = 5.0,
        *,
        first_s: float | None = None,
        most_s: float | None = None,
    ) -> None:
        initial_backoff_s = initial_backoff_s if first_s is None else first_s
        max_backoff_s = max_backoff_s if most_s is None else most_s
        object.__setattr__(self, "attempts", attempts)
        object.__setattr__(self, "initial_backoff_s", initial_backoff_s)
        object.__setattr__(self, "max_backoff_s", max_backoff_s)

    def backoff_s(self, attempt: int, jitter: float) -> float:
        """Return the wait after an attempt, counted from 1. jitter: random, in [0, 1).

        Exponential, between 50 % and 100 % of its maximum, so that clients that failed together do
        not return together.
        """
        longest_s = min(self.max_backoff_s, self.initial_backoff_s * 2.0 ** (attempt - 1))
        return longest_s * (0.5 + jitter / 2)


def decide_wait(
    policy: RetryPolicy,
    attempt: int,
    failure: PneumoError,
    *,
    idempotent: bool,
    left_s: float,
    jitter: float,
) -> float | None:
    """Return the seconds to wait before the next attempt; None to raise the failure.

    attempt: the one that failed, from 1. left_s: the caller's remaining time. A `Retry-After` is
    the minimum wait and is followed as often as the remaining time allows.
    """
    if not is_retryable(failure, idempotent=idempotent):
        return None
    retry_after_s: float | None = getattr(failure, "retry_after_s", None)
    if retry_after_s is not None:
        min_wait_s = max(retry_after_s, policy.initial_backoff_s)
        wait_s = min_wait_s + jitter * min(1.0, min_wait_s) / 4
    elif attempt < policy.attempts:
        wait_s = policy.backoff_s(attempt, jitter)
    else:
        return None
    return wait_s if wait_s < left_s else None


def is_retryable(failure: PneumoError, *, idempotent: bool) -> bool:
    """Return whether another attempt can help and does no harm.

    A request that is not idempotent is sent again only if it certainly had no effect.
    """
    match failure:
        case ConnectionFailedError():
            return idempotent or not failure.was_sent
        case RateLimitedError():
            return True
        case UnavailableError():
            return idempotent or failure.code == "overloaded"
        case _:
            return False
