"""Requests whose images take long to decode: decoded one at a time, beside the batches."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import TypeAlias

from aiokafka import TopicPartition

from inference_worker.core.handovers import MAX_CAREFUL
from inference_worker.core.requests import PredictRequest
from inference_worker.subscribers.answering import Answering, ExpelledError, Record
from inference_worker.subscribers.commits import Commits
from inference_worker.subscribers.waiting import HeldBytes

_IN_FLIGHT = 2
"""One decoding while the last is classified and published. Decoding itself has one thread."""

Batch: TypeAlias = list[tuple[Record, PredictRequest | None]]
"""Records, and the request that each is; None if it is none."""


class LargeImageQueue:
    """Answers large images while batches of the same partitions pass them.

    Offsets are committed in order, so records answered behind a large image stay uncommitted until
    it is answered. `blocked` bounds how many: a crash delivers them again.
    """

    def __init__(
        self,
        answering: Answering,
        commits: Commits,
        leaving: asyncio.Event,
        *,
        max_batch: int,
    ) -> None:
        self._answering = answering
        self._commits = commits
        self._held_bytes = HeldBytes()
        self._leaving = leaving
        # Two polls may be under way at once, each for a batch.
        self._max_span = max(1, MAX_CAREFUL - 2 * max_batch)
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._queued = 0

    @property
    def is_empty(self) -> bool:
        """Return whether no large image is queued or being answered."""
        return not self._queued

    def blocked(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        """Return the partitions of which no more may be polled until a large image is answered."""
        if self.is_empty:
            return set()
        return {p for p in partitions if self._commits.count_uncommitted(p) > self._max_span}

    async def until_room(self) -> None:
        """Return once the queued images are small enough for one more batch to be taken."""
        await self._held_bytes.until_room()

    def set_aside(
        self, batch: Batch, begin: Callable[[Coroutine[None, None, None]], object]
    ) -> Batch:
        """Return the rest of a batch, once an attempt of its own has begun for each large image."""
        rest: Batch = []
        for record, request in batch:
            if request is not None and request.is_large:
                self._queued += 1
                begin(self._answer_in_turn(record, request))
            else:
                rest.append((record, request))
        return rest

    async def _answer_in_turn(self, record: Record, request: PredictRequest) -> None:
        try:
            with self._held_bytes.hold(len(request.image)):
                async with self._slots:
                    await self._answer(record, request)
        finally:
            self._queued -= 1

    async def _answer(self, record: Record, request: PredictRequest) -> None:
        # Given back if the worker leaves: the next owner may take it up at once.
        if self._leaving.is_set():
            self._commits.drop([record])
            return
        try:
            await self._answering.answer([request], lambda: self._commits.still_own([record]))
        except ExpelledError:
            self._commits.drop([record])
        else:
            self._commits.settle([record])
