"""The workers' outcomes per second, measured from the outcomes themselves."""

from collections import deque
from dataclasses import dataclass
from math import exp2, inf

from gateway.core.lag_by_owner import OUTAGE_S

WINDOW_S = 2.0
"""Window of the measurement, seconds; a whole window without an outcome is a stall."""

SLICE_S = 0.25
_BUSY_WAIT_S = 0.1
_MIN_WAITING = 2
"""A single request is in progress and waits for no other."""
_MAX_HALVINGS = 60.0


@dataclass(frozen=True, slots=True)
class _Slice:
    span_s: float
    outcomes: int
    lowest: int


class ServiceRate:
    """Measures while requests wait, and keeps its value while none do; time is passed in.

    Outcomes per second show the workers' capacity only while requests wait; otherwise they show
    the demand. By Little's law, `lowest backlog / outcomes per second` is the wait throughout the
    window: a rate counts if that wait was at least a tenth of a second. A rate without such a wait
    is still a lower bound of the capacity, and raises a lower estimate. Requests that wait for a
    stopped worker do not count: the rate of the others would then be their demand.
    """

    def __init__(self, now_s: float) -> None:
        self._slices: deque[_Slice] = deque()
        self._began_s = now_s
        self._outcomes = 0
        self._lowest: float = inf
        self._rate: float | None = None
        self._alive_s = now_s

    def record(
        self, now_s: float, *, backlog: int, answered: int = 0, working: int | None = None
    ) -> None:
        """Record `answered` outcomes, after which `backlog` requests are left.

        working: how many of them wait for workers that make progress; None if unknown.
        """
        if answered and self.is_stalled(now_s):
            self._restart(now_s)  # a stall must not enter the average after it
        self._outcomes += answered
        self._lowest = min(self._lowest, backlog if working is None else min(working, backlog))
        if answered or not backlog:
            self._alive_s = now_s
        if now_s - self._began_s >= SLICE_S:
            self._close(now_s, backlog)

    def mark_alive(self, now_s: float) -> None:
        """Record progress that does not measure the rate, such as an expired request."""
        self._alive_s = now_s

    def is_stalled(self, now_s: float) -> bool:
        """Whether no outcome arrived for a whole window while requests wait."""
        return now_s - self._alive_s > WINDOW_S

    def per_second(self, now_s: float) -> float | None:
        """Return outcomes per second; None before the first measurement.

        A rebalance after a worker's crash takes up to OUTAGE_S: the measured rate is kept so
        long. After that, each further second without progress halves it.
        """
        if self._rate is None:
            return None
        stalled_s = max(0.0, now_s - self._alive_s - OUTAGE_S)
        return self._rate * exp2(-min(stalled_s, _MAX_HALVINGS))

    def _restart(self, now_s: float) -> None:
        self._slices.clear()
        self._began_s, self._outcomes, self._lowest = now_s, 0, inf

    def _close(self, now_s: float, backlog: int) -> None:
        lowest = int(min(self._lowest, backlog))
        self._slices.append(_Slice(now_s - self._began_s, self._outcomes, lowest))
        self._began_s, self._outcomes, self._lowest = now_s, 0, inf
        span_s = sum(s.span_s for s in self._slices)
        while span_s - self._slices[0].span_s >= WINDOW_S:
            span_s -= self._slices.popleft().span_s
        if span_s >= WINDOW_S:
            self._learn(span_s)

    def _learn(self, span_s: float) -> None:
        outcomes = sum(s.outcomes for s in self._slices)
        if outcomes == 0:
            self._slices.clear()  # a stall, or idleness
        elif self._slices[-1].outcomes:  # else it may be about to become one
            self._measure(outcomes / span_s)

    def _measure(self, found: float) -> None:
        lowest = min(s.lowest for s in self._slices)
        busy = lowest >= max(_MIN_WAITING, found * _BUSY_WAIT_S)
        if busy or (self._rate is not None and found > self._rate):
            self._rate = found
