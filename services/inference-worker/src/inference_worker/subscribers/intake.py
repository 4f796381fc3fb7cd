"""Both consumers of a worker: run together, and stopped together where going on would do harm."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import structlog

from inference_worker.core.dead_letter_budget import Exhausted
from inference_worker.ports import AnswerCounts
from inference_worker.subscribers.budget import BudgetWatch
from inference_worker.subscribers.predictions import PredictionConsumer

_log = structlog.get_logger(__name__)

Consumers: TypeAlias = tuple[PredictionConsumer, PredictionConsumer]
"""Of requests and of retries."""


class Intake:
    """Consumes until it is asked to stop, or until a thread of this process is stuck.

    While the dead-letter budget is exhausted the worker is no member of its groups: others go on.
    After a pause, which grows from one time to the next, it joins again with new consumers.
    """

    def __init__(
        self,
        new_consumers: Callable[[], Consumers],
        budget: BudgetWatch,
        counts: AnswerCounts,
        stuck: asyncio.Event,
    ) -> None:
        self._new_consumers = new_consumers
        self._budget = budget
        self._counts = counts
        self._stuck = stuck
        self.predictions, self.retries = new_consumers()

    @property
    def paused(self) -> Exhausted | None:
        """Why nothing is consumed for now; None: it is consumed."""
        return self._budget.reason

    async def run(self, stop: asyncio.Event) -> None:
        """Consume; what was taken is finished and committed before this returns.

        Raises what PredictionConsumer.run raises.
        """
        while True:
            await self._consume(stop)
            if stop.is_set() or self._stuck.is_set() or await self._pause(stop):
                return
            self.predictions, self.retries = self._new_consumers()
            self._budget.resume()
            _log.warning("consumption resumes after a pause")

    async def _consume(self, stop: asyncio.Event) -> None:
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._end(ended, stop))
            consuming = [
                tasks.create_task(consumer.run(ended))
                for consumer in (self.predictions, self.retries)
            ]
            await asyncio.wait(consuming)
            watching.cancel()

    async def _end(self, ended: asyncio.Event, stop: asyncio.Event) -> None:
        causes = (stop, self._budget.exhausted, self._stuck)
        waiting = [asyncio.ensure_future(cause.wait()) for cause in causes]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            ended.set()
        finally:
            for task in waiting:
                task.cancel()

    async def _pause(self, stop: asyncio.Event) -> bool:
        """Wait; True: we were asked to stop meanwhile."""
        reason, pause_s = self._budget.reason, self._budget.begin_pause()
        if reason is not None:
            self._counts.budget_exhausted(reason)
        _log.critical(
            "too many dead letters: consumption stops for a while", reason=reason, pause_s=pause_s
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)
        return stop.is_set()
