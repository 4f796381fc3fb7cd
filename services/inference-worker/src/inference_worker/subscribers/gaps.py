"""Gaps in what a consumer gets: retention deleted records that this group has not answered."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from inference_worker.subscribers.answering import Record
from inference_worker.subscribers.commits import Commits
from inference_worker.subscribers.deletions import Deletions

_POSITION_S = 0.05


class GapWatch:
    """Holds a partition at a gap until what was deleted there is made up for.

    A consumer whose next record was deleted is moved on to the oldest that is left, without a
    word. Request topics have neither compaction nor transactions, so offsets have no other gaps.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        commits: Commits,
        deletions: Deletions,
        on_done: Callable[["asyncio.Task[None]"], None],
    ) -> None:
        """on_done: given each task that has ended, to see whether it failed."""
        self._consumer = consumer
        self._commits = commits
        self._deletions = deletions
        self._on_done = on_done
        self.held: dict[TopicPartition, asyncio.Task[None]] = {}
        """Partitions at a gap, paused."""

    def hold_back(self, polled: dict[TopicPartition, list[Record]]) -> None:
        """Leave out of a poll what is behind a gap."""
        for partition in [*polled]:
            first = polled[partition][0].offset
            expected = self._commits.expected(partition)
            if expected is not None and first > expected:
                del polled[partition]
                self._consumer.seek(partition, first)
                self._hold(partition, expected, first)

    async def look(self, partitions: Collection[TopicPartition]) -> None:
        """See whether the consumer was moved on where no record is left to be polled."""
        with suppress(KafkaError, TimeoutError):
            # A position that is known costs nothing; one that is not is seen at the next look.
            async with asyncio.timeout(_POSITION_S):
                for partition in partitions:
                    at = await self._consumer.position(partition)
                    expected = self._commits.expected(partition)
                    if expected is not None and at > expected:
                        self._hold(partition, expected, at)

    def _hold(self, partition: TopicPartition, start: int, until: int) -> None:
        if partition not in self.held:
            self._consumer.pause(partition)
            task = asyncio.create_task(self._make_up(partition, start, until))
            self.held[partition] = task
            task.add_done_callback(self._on_done)

    async def _make_up(self, partition: TopicPartition, start: int, until: int) -> None:
        try:
            if await self._deletions.settle(partition.partition, start, until):
                self._commits.skip(partition, until)
                self._consumer.resume(partition)
        finally:
            self.held.pop(partition, None)
