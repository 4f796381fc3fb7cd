"""Limits per client: token buckets, and concurrent requests. Time is passed in."""

import math
from collections import OrderedDict
from dataclasses import dataclass

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Rate:
    """per_s: sustained requests per second. burst: requests at once after an idle time."""

    per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Granted:
    """The request is within the limit."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The request is over the limit and may be sent again after `retry_after_s`."""

    retry_after_s: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class TokenBuckets:
    """One bucket per subject, full at first; a request costs a token, a refusal none.

    max_subjects: buckets kept. Beyond it the least recently used one is dropped, so full again.
    """

    def __init__(self, max_subjects: int) -> None:
        self._max_subjects = max_subjects
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, subject: str, rate: Rate, now_s: float) -> Granted | RetryLater:
        """Take a token of the subject, or return when one is available."""
        bucket = self._buckets.pop(subject, None) or _Bucket(rate.burst, now_s)
        self._buckets[subject] = bucket
        if len(self._buckets) > self._max_subjects:
            self._buckets.popitem(last=False)
        passed_s = max(0.0, now_s - bucket.at_s)
        bucket.tokens = min(rate.burst, bucket.tokens + passed_s * rate.per_s)
        bucket.at_s = now_s
        if bucket.tokens < 1 - _ROUNDING:
            return RetryLater(math.ceil((1 - bucket.tokens) / rate.per_s))
        bucket.tokens -= 1
        return Granted()


class ConcurrencyLimiter:
    """Counts concurrent requests per subject; at most `limit` each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def enter(self, subject: str) -> Granted | RetryLater:
        """Count one more request, unless the limit is reached."""
        count = self._counts.get(subject, 0)
        if count >= self._limit:
            return RetryLater(1)
        self._counts[subject] = count + 1
        return Granted()

    def leave(self, subject: str) -> None:
        """Count one request less."""
        self._counts[subject] -= 1
        if not self._counts[subject]:
            del self._counts[subject]
