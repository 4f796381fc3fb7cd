"""Reading a whole topic without a group: every reader sees every record.

For state that each process keeps for itself (results to wake waiters, current model, workers).
"""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from shared.kafka.clients import started

_log = structlog.get_logger(__name__)
_RETRY_S = 0.5

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class StartAt(Enum):
    """Where a reader begins."""

    BEGINNING = auto()
    END = auto()


class TopicReader:
    """Hands every record of one topic to a callback, in partition order, for as long as it runs.

    `caught_up` is set once everything that was there at the start has been read.
    """

    def __init__(
        self,
        new_consumer: Callable[[], AIOKafkaConsumer],
        topic: str,
        on_record: Callable[[Record], None],
        *,
        start_at: StartAt,
    ) -> None:
        self._new_consumer = new_consumer
        self._topic = topic
        self._on_record = on_record
        self._start_at = start_at
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._read()
            except UnknownTopicOrPartitionError:
                # The topic job may still be at work when a service starts.
                _log.info("waiting for the topic", topic=self._topic)
                await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        consumer = self._new_consumer()
        # Without a group, a subscription assigns every partition, those to come included.
        consumer.subscribe([self._topic])
        async with started(consumer):
            ends = await self._seek(consumer)
            await self._mark_caught_up(consumer, ends)
            while True:
                batches = await consumer.getmany(timeout_ms=1_000)
                for records in batches.values():
                    for record in records:
                        self._deliver(record)
                if not self.caught_up.is_set():
                    await self._mark_caught_up(consumer, ends)

    async def _seek(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        partitions = consumer.assignment()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        if self._start_at is StartAt.END:
            for partition, end in ends.items():
                consumer.seek(partition, end)
        return ends

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
