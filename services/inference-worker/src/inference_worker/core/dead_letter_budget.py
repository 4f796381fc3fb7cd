"""How many requests may become dead letters before a worker stops consuming.

A worker that turns everything it consumes into dead letters empties the topic into `predict.dlq`.
docs/decisions/0010
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

_SLOTS = 6


class Exhausted(StrEnum):
    """Why a worker stops consuming."""

    RUN = "run"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """max_run: dead letters in a row. max_ratio: of the requests that ended within `window_s`.

    min_requests: fewer within the window are no ratio. first_pause_s, max_pause_s: how long the
    worker stops; doubled each time that the budget is exhausted again within a window.
    """

    max_run: int
    max_ratio: float
    window_s: float
    min_requests: int
    first_pause_s: float
    max_pause_s: float


@dataclass(slots=True)
class _Slot:
    number: int
    ended: int = 0
    dead: int = 0


class DeadLetterBudget:
    """Counts how requests end. `now_s`: monotonic seconds, never smaller than the last."""

    def __init__(self, limits: BudgetLimits) -> None:
        self._limits = limits
        self._run = 0
        self._slots: deque[_Slot] = deque(maxlen=_SLOTS)
        self._pauses = 0
        self._resumed_s = float("-inf")

    def note_answered(self, requests: int, now_s: float) -> None:
        """Count requests that ended in an outcome other than for a dead letter."""
        self._run = 0
        self._slot(now_s).ended += requests

    def note_dead_letter(self, now_s: float) -> None:
        """Count a request that became a dead letter."""
        self._run += 1
        slot = self._slot(now_s)
        slot.ended += 1
        slot.dead += 1

    def exhausted(self, now_s: float) -> Exhausted | None:
        """Tell whether the worker must stop consuming, and why."""
        if self._run >= self._limits.max_run:
            return Exhausted.RUN
        first = self._slot(now_s).number - _SLOTS
        ended = sum(slot.ended for slot in self._slots if slot.number > first)
        dead = sum(slot.dead for slot in self._slots if slot.number > first)
        if ended >= self._limits.min_requests and dead > self._limits.max_ratio * ended:
            return Exhausted.RATIO
        return None

    def begin_pause(self, now_s: float) -> float:
        """Give the length of the pause that begins, in seconds; counting begins again after it."""
        if now_s - self._resumed_s > self._limits.window_s:
            self._pauses = 0
        pause_s = min(self._limits.max_pause_s, self._limits.first_pause_s * 2.0**self._pauses)
        self._pauses = min(self._pauses + 1, 32)
        self._run = 0
        self._slots.clear()
        self._resumed_s = now_s + pause_s
        return pause_s

    def _slot(self, now_s: float) -> _Slot:
        number = int(now_s * _SLOTS / self._limits.window_s)
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        return self._slots[-1]
