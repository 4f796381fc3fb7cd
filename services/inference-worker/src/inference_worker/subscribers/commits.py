"""Offsets of owned partitions: committed beside the work, and with a last word at the end."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from inference_worker.core.handovers import CLEAN
from inference_worker.core.offsets import OffsetLedger
from inference_worker.subscribers.answering import Record

_log = structlog.get_logger(__name__)
_COMMIT_EVERY_S = 0.05
_LAST_WORD_S = 2.0
_AGAIN_S = 0.5


class Commits:
    """Commits what is answered, at most one commit in flight, never past an unanswered record.

    Every commit but the last carries this worker's mark, so that whoever reads it knows that its
    maker was at work.
    """

    def __init__(self, consumer: AIOKafkaConsumer, mark: str, leaving: asyncio.Event) -> None:
        self._consumer = consumer
        self._mark = mark
        self._leaving = leaving
        self._ledger: OffsetLedger[TopicPartition] = OffsetLedger()
        self._committing: asyncio.Task[None] | None = None

    async def own(self, starts: Mapping[TopicPartition, int]) -> None:
        """Put the mark on these partitions, to be read from these offsets on.

        Until then nothing may be taken: an owner that died unmarked would pass for an orderly one.
        Raises KafkaError.
        """
        for partition, offset in starts.items():
            self._ledger.begin(partition, offset)
        if starts:
            await self._consumer.commit({p: (o, self._mark) for p, o in starts.items()})

    async def still_own(self, records: Sequence[Record]) -> bool:
        """Tell whether these are still ours, and no other worker's: the group takes our commit."""
        nexts = {p: self._ledger.next_offset(p) for p in map(_partition, records)}
        words = {p: (offset, self._mark) for p, offset in nexts.items() if offset is not None}
        return len(words) == len(nexts) and await is_heard(self._consumer, words)

    def take(self, records: Sequence[Record]) -> None:
        """Note records that are tried from now on."""
        for record in records:
            self._ledger.take(_partition(record), record.offset)

    def expected(self, partition: TopicPartition) -> int | None:
        """Give the offset of the record to come; None: the partition is not owned."""
        return self._ledger.expected(partition)

    def count_uncommitted(self, partition: TopicPartition) -> int:
        """Return how many records were taken since the last commit."""
        return self._ledger.count_uncommitted(partition)

    def skip(self, partition: TopicPartition, offset: int) -> None:
        """Note that the records before `offset` were deleted, and made up for."""
        self._ledger.skip(partition, offset)

    def settle(self, records: Sequence[Record]) -> None:
        """Have the offsets of answered records committed soon."""
        for record in records:
            self._ledger.settle(_partition(record), record.offset)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())

    def drop(self, records: Sequence[Record]) -> None:
        """Note records that are given back untried."""
        for record in records:
            self._ledger.drop(_partition(record), record.offset)

    async def leave(self, unfinished: Mapping[TopicPartition, int]) -> None:
        """Say the last word on every owned partition: clean, unless something is still tried.

        unfinished: partitions not taken over to the end, and their next offset; they stay marked.
        """
        await self._finish_commit()
        words = {
            partition: (offset, CLEAN if at_rest else self._mark)
            for partition, (offset, at_rest) in self._ledger.standing().items()
        }
        words |= {partition: (offset, self._mark) for partition, offset in unfinished.items()}
        self._ledger.forget()
        try:
            async with asyncio.timeout(_LAST_WORD_S):
                if words:
                    await self._consumer.commit(words)
        except (KafkaError, TimeoutError) as error:
            # The next owner is careful then, and some records come again: nothing is lost.
            _log.warning("left without a last word", error=repr(error))

    async def _finish_commit(self) -> None:
        if self._committing is not None:
            await asyncio.wait({self._committing}, timeout=_LAST_WORD_S)
            # Sent later, it would speak for partitions that are another's by then.
            self._committing.cancel()

    async def _commit(self) -> None:
        while True:
            # A commit a batch would cost the broker as much as the batch; a crash between two
            # commits only repeats what readers de-duplicate.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _COMMIT_EVERY_S)
            if not (offsets := self._ledger.advance()):
                return
            try:
                await self._consumer.commit({p: (o, self._mark) for p, o in offsets.items()})
            except KafkaError as error:
                # Lost by a rebalance or a broker away: the records come again, nothing is lost.
                _log.warning("commit failed", error=repr(error))
                return


async def is_heard(
    consumer: AIOKafkaConsumer, words: Mapping[TopicPartition, tuple[int, str]]
) -> bool:
    """Commit as a member of the group; False: the group goes on without us."""
    while True:
        try:
            await consumer.commit(words)
        except (CommitFailedError, IllegalStateError) as error:
            _log.warning("expelled from the group", error=repr(error))
            return False
        except KafkaError as error:
            _log.warning("the group does not answer yet", error=repr(error))
            await asyncio.sleep(_AGAIN_S)
        else:
            return True


def _partition(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
