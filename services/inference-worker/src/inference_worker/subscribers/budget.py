"""The dead-letter budget, counted as requests end."""

import asyncio
from collections.abc import Sequence

from inference_worker.core.dead_letter_budget import DeadLetterBudget, Exhausted
from inference_worker.ports import Outcome
from shared.clock import Clock


class BudgetWatch:
    """Sets `exhausted` once too many requests of this worker have become dead letters."""

    def __init__(self, budget: DeadLetterBudget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self.exhausted = asyncio.Event()
        self.reason: Exhausted | None = None
        """Why consumption is to stop, or is paused; None: it is not."""

    def note_answered(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes of requests that are no dead letters; one that expired tells nothing."""
        tried = sum(outcome.status != "expired" for outcome in outcomes)
        if tried:
            self._budget.note_answered(tried, self._clock.monotonic_s())

    def note_dead_letter(self) -> None:
        """Count a request that became a dead letter."""
        now_s = self._clock.monotonic_s()
        self._budget.note_dead_letter(now_s)
        reason = self._budget.exhausted(now_s)
        if reason is not None and not self.exhausted.is_set():
            self.reason = reason
            self.exhausted.set()

    def begin_pause(self) -> float:
        """Give the seconds for which nothing is to be consumed from now on."""
        return self._budget.begin_pause(self._clock.monotonic_s())

    def resume(self) -> None:
        """Count anew."""
        self.reason = None
        self.exhausted.clear()
