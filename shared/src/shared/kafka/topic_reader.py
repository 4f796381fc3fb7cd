"""Reading a whole topic without a group: every reader sees every record.

For state that each process keeps for itself (results to wake waiters, current model, workers).
"""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from shared.kafka.clients import started

_log = structlog.get_logger(__name__)
_RETRY_S = 0.5
_POLL_MS = 1_000
_LOOK_TIMEOUT_S = 2.0

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class StartAt(Enum):
    """Where a reader begins."""

    BEGINNING = auto()
    END = auto()


class _StuckError(Exception):
    """The topic has more, and this consumer does not get it."""


class _Patience:
    """Looks for records that a consumer ought to have got, whenever it gets none for a while."""

    def __init__(self, consumer: AIOKafkaConsumer, quiet_s: float) -> None:
        self._consumer = consumer
        self._quiet_s = quiet_s
        self._quiet_since_s = self._now_s()
        self._stood_at: dict[TopicPartition, int] = {}

    async def note(self, *, got_some: bool) -> None:
        """Take in how a poll went. Raises _StuckError the second time that nothing has moved."""
        now_s = self._now_s()
        if got_some:
            self._quiet_since_s, self._stood_at = now_s, {}
        elif now_s - self._quiet_since_s >= self._quiet_s:
            behind = await self._behind()
            if any(self._stood_at.get(p) == position for p, position in behind.items()):
                raise _StuckError
            self._quiet_since_s, self._stood_at = self._now_s(), behind

    async def _behind(self) -> dict[TopicPartition, int]:
        """Give the positions that are not at the end; none if the broker does not say."""
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT_S):
                ends = await self._consumer.end_offsets(self._consumer.assignment())
                at = {p: await self._consumer.position(p) for p in ends}
        except (KafkaError, TimeoutError):
            return {}
        return {p: at[p] for p, end in ends.items() if at[p] < end}

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


class TopicReader:
    """Hands every record of one topic to a callback, in partition order, for as long as it runs.

    `caught_up` is set once everything that was there at the start has been read. A consumer that
    gets nothing for `quiet_s`, though there is more, twice in a row, is given up for a new one
    that goes on where it was (aiokafka #1154: after a broker's restart a consumer may hang).

    A process that was suspended for longer than the topic's retention finds that the record it
    wants next was deleted. The consumer is then put at the oldest record that is left, which is
    where StartAt.BEGINNING continues; StartAt.END continues at the end, as it started.
    """

    def __init__(
        self,
        new_consumer: Callable[[], AIOKafkaConsumer],
        topic: str,
        on_record: Callable[[Record], None],
        *,
        start_at: StartAt,
        quiet_s: float = 5.0,
    ) -> None:
        self._new_consumer = new_consumer
        self._topic = topic
        self._on_record = on_record
        self._start_at = start_at
        self._quiet_s = quiet_s
        self._next: dict[TopicPartition, int] = {}
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled; a broker that is away is waited for."""
        while True:
            try:
                await self._read()
            except UnknownTopicOrPartitionError:
                # The topic job may still be at work when a service starts.
                _log.info("waiting for the topic", topic=self._topic)
                await asyncio.sleep(_RETRY_S)
            except _StuckError:
                _log.warning("a reader was stuck, and begins anew", topic=self._topic)
            except KafkaError as error:
                _log.warning(
                    "a reader failed, and begins anew", topic=self._topic, error=str(error)
                )
                await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        consumer = self._new_consumer()
        # Without a group, a subscription assigns every partition, those to come included.
        consumer.subscribe([self._topic])
        async with started(consumer, patient=True):
            ends = await self._seek(consumer)
            await self._mark_caught_up(consumer, ends)
            patience = _Patience(consumer, self._quiet_s)
            while True:
                batches = await consumer.getmany(timeout_ms=_POLL_MS)
                for partition, records in batches.items():
                    if self._missed(partition, records[0].offset):
                        await self._skip_to_end(consumer, partition)
                        continue
                    for record in records:
                        self._deliver(record)
                        self._next[partition] = record.offset + 1
                if not self.caught_up.is_set():
                    await self._mark_caught_up(consumer, ends)
                await patience.note(got_some=bool(batches))

    async def _seek(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        partitions = consumer.assignment()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        if self._start_at is StartAt.END and not self._next:
            self._next = dict(ends)
        # What appears later is read from its beginning: nobody has seen any of it.
        for partition, offset in self._next.items():
            consumer.seek(partition, offset)
        return ends

    def _missed(self, partition: TopicPartition, offset: int) -> bool:
        """Tell whether records before `offset` were deleted before this reader got them.

        Only topics without compaction and transactions are read from the end: a gap in their
        offsets has no other cause.
        """
        expected = self._next.get(partition)
        return self._start_at is StartAt.END and expected is not None and offset > expected

    async def _skip_to_end(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        ends = await consumer.end_offsets([partition])
        _log.warning(
            "records were deleted before they were read, continuing at the end",
            topic=self._topic,
            partition=partition.partition,
            skipped=ends[partition] - self._next[partition],
        )
        self._next[partition] = ends[partition]
        consumer.seek(partition, ends[partition])

    async def _mark_caught_up(
        self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
    ) -> None:
        positions = [await consumer.position(p) >= end for p, end in ends.items()]
        if all(positions):
            self.caught_up.set()

    def _deliver(self, record: Record) -> None:
        try:
            self._on_record(record)
        except ValueError as error:
            # A record that nobody can read must not hide the ones behind it.
            _log.warning(
                "unreadable record skipped",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                error=str(error)[:200],
            )
