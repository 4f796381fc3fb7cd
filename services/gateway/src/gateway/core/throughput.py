"""How many predictions a second a worker makes, from its own count of them."""

from collections import deque

WINDOW_MS = 30_000
"""Words older than this tell nothing of now."""
_LEAST_MS = 1_000
"""Between two words that are compared: a swap makes a worker speak twice in a moment."""


class Throughput:
    """One worker's words: unix ms, and predictions since its start."""

    def __init__(self) -> None:
        self._words: deque[tuple[int, int]] = deque()

    def add(self, at_ms: int, predictions: int) -> None:
        """Take in a word; a count that fell is that of a worker that was started anew."""
        if self._words and (predictions < self._words[-1][1] or at_ms < self._words[-1][0]):
            self._words.clear()
        self._words.append((at_ms, predictions))
        while at_ms - self._words[0][0] > WINDOW_MS:
            self._words.popleft()

    @property
    def per_second(self) -> float | None:
        """Give the mean rate over the window; None before two words that are apart."""
        if not self._words:
            return None
        (first_ms, first), (last_ms, last) = self._words[0], self._words[-1]
        if last_ms - first_ms < _LEAST_MS:
            return None
        return round(1000 * (last - first) / (last_ms - first_ms), 3)
