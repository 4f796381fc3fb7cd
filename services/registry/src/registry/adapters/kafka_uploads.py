"""`uploads.labelled` as a feed: one group, few records at a time, offsets committed by hand."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from registry.ports import OpenUploads, UploadFeed, UploadRecord
from shared.contracts.topics import UPLOADS_LABELLED
from shared.kafka.clients import new_consumer, started
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings
from shared.kafka.topic_reader import Record

GROUP = "registry"

_POLL_MS = 1_000
_MAX_RECORDS = 8


class KafkaUploads:
    """An UploadFeed over a started consumer."""

    def __init__(
        self, consumer: AIOKafkaConsumer, topic: str, *, timeout_s: float, quiet_polls: int
    ) -> None:
        self._consumer = consumer
        self._quiet_polls = quiet_polls
        self._topic = topic
        self._timeout_s = timeout_s
        self._taken: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._empty_polls = 0

    async def take(self) -> Sequence[UploadRecord]:
        """Wait a while for records; see the port."""
        with _translated_errors():
            await self._learn_positions()
            records = await self._poll()
            await self._look_for_a_hang(is_empty=not records)
        for record in records:
            self._taken[TopicPartition(self._topic, record.partition)] = record.offset + 1
        return records

    async def commit(self) -> None:
        """Commit what was taken; see the port."""
        if not self._taken:
            return
        with _translated_errors():
            async with asyncio.timeout(self._timeout_s):
                await self._consumer.commit(self._taken)
        self._committed |= self._taken
        self._taken = {}

    def waiting(self) -> int:
        """Count the records that are known to lie behind what was committed."""
        ends = {part: self._consumer.highwater(part) or 0 for part in self._consumer.assignment()}
        return sum(max(end - self._committed.get(part, end), 0) for part, end in ends.items())

    async def _learn_positions(self) -> None:
        async with asyncio.timeout(self._timeout_s):
            for partition in self._consumer.assignment() - self._committed.keys():
                self._committed[partition] = await self._consumer.position(partition)

    async def _poll(self) -> Sequence[UploadRecord]:
        try:
            polled = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
        except ValueError:
            return await self._poll_singly()
        return [_upload_record(record) for records in polled.values() for record in records]

    async def _poll_singly(self) -> Sequence[UploadRecord]:
        # A record with a header whose name is no UTF-8 makes aiokafka fail. It does not say which
        # one it was, and what it had from other partitions is gone: back to where the commits are.
        partitions = self._consumer.assignment() & self._committed.keys()
        for partition in partitions:
            self._consumer.seek(partition, self._committed[partition])
        for partition in partitions:
            if records := await self._poll_partition(partition):
                return records
        return []

    async def _poll_partition(self, partition: TopicPartition) -> Sequence[UploadRecord]:
        records: list[UploadRecord] = []
        while len(records) < _MAX_RECORDS:
            try:
                polled = await self._consumer.getmany(partition, timeout_ms=_POLL_MS, max_records=1)
            except ValueError:
                offset = await self._consumer.position(partition)
                self._consumer.seek(partition, offset + 1)
                return [*records, _undecodable(partition, offset)]
            if not polled:
                break
            records += [_upload_record(record) for record in polled[partition]]
        return records

    async def _look_for_a_hang(self, *, is_empty: bool) -> None:
        # After a broker's restart a consumer may poll for ever and get nothing (aiokafka #1154);
        # one that was given no partition may have come before the topic.
        self._empty_polls = self._empty_polls + 1 if is_empty else 0
        if self._empty_polls < self._quiet_polls:
            return
        self._empty_polls = 0
        partitions = self._consumer.assignment()
        if not partitions:
            raise BrokerUnavailableError("no partition was assigned")
        async with asyncio.timeout(self._timeout_s):
            ends = await self._consumer.end_offsets(partitions)
            for partition, end in ends.items():
                if await self._consumer.position(partition) < end:
                    raise BrokerUnavailableError(f"nothing comes, though {partition} has more")


def new_open_uploads(
    settings: KafkaSettings, *, timeout_s: float, quiet_polls: int = 15
) -> OpenUploads:
    """Make the function that joins the group; connecting and each commit end in `timeout_s`.

    quiet_polls: after so many empty polls, a second each, look whether there is nothing, or only
    nothing comes.
    """

    @asynccontextmanager
    async def open_uploads() -> AsyncIterator[UploadFeed]:
        group = f"{settings.topic_prefix}{GROUP}"  # registries of one cluster share no group
        consumer = new_consumer(settings, client_id="registry", group_id=group)
        topic = UPLOADS_LABELLED.prefixed(settings.topic_prefix).name
        consumer.subscribe([topic])
        async with AsyncExitStack() as stack:
            with _translated_errors():
                async with asyncio.timeout(timeout_s):
                    await stack.enter_async_context(started(consumer))
            yield KafkaUploads(consumer, topic, timeout_s=timeout_s, quiet_polls=quiet_polls)

    return open_uploads


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise BrokerUnavailableError(f"uploads: {error!r}") from error


def _upload_record(record: Record) -> UploadRecord:
    return UploadRecord(
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=[(name, value or b"") for name, value in record.headers],
        made_at_ms=record.timestamp,
    )


def _undecodable(partition: TopicPartition, offset: int) -> UploadRecord:
    return UploadRecord(
        partition=partition.partition, offset=offset, key=None, value=None, headers=[], made_at_ms=0
    )
