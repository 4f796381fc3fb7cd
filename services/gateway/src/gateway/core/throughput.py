"""A worker's predictions per second, from its own counter."""

from collections import deque

WINDOW_MS = 30_000
"""Maximum age of a status report that counts."""
_MIN_SPAN_MS = 1_000
"""Minimum time between compared reports: a model swap sends two in quick succession."""


class Throughput:
    """One worker's status reports: unix ms, and predictions since its start."""

    def __init__(self) -> None:
        self._reports: deque[tuple[int, int]] = deque()

    def add(self, at_ms: int, predictions: int) -> None:
        """Add a report; a lower count than before means that the worker restarted."""
        if self._reports and (predictions < self._reports[-1][1] or at_ms < self._reports[-1][0]):
            self._reports.clear()
        self._reports.append((at_ms, predictions))
        while at_ms - self._reports[0][0] > WINDOW_MS:
            self._reports.popleft()

    @property
    def per_second(self) -> float | None:
        """Return the mean rate over the window; None before two reports far enough apart."""
        if not self._reports:
            return None
        (first_ms, first), (last_ms, last) = self._reports[0], self._reports[-1]
        if last_ms - first_ms < _MIN_SPAN_MS:
            return None
        return round(1000 * (last - first) / (last_ms - first_ms), 3)
