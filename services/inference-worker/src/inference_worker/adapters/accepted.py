"""`predict.accepted` and `predict.results`, read once from end to end after an outage.

Consumers of their own, without a group: this happens when retention has deleted requests, and at
no other time.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from shared.contracts.accepted import AcceptedRequest, parse_accepted
from shared.contracts.headers import HeaderError
from shared.kafka.clients import new_consumer, started
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings
from shared.kafka.topic_reader import Record

_log = structlog.get_logger(__name__)
_POLL_MS = 200
_MAX_RECORDS = 500
CHUNK = 10_000
"""Entries held at once: some 5 MB."""


class KafkaAccepted:
    """Reads entries of accepted requests, and which of them have an outcome."""

    def __init__(
        self, settings: KafkaSettings, *, client_id: str, topic: str, results: str
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._topic = topic
        self._results = results

    async def entries(
        self, is_wanted: Callable[[AcceptedRequest], bool]
    ) -> AsyncGenerator[list[AcceptedRequest], None]:
        """Give the entries that are wanted, oldest first in each partition, 10,000 at a time.

        None where the topic is missing or may not be read. Raises BrokerUnavailableError.
        """
        wanted: list[AcceptedRequest] = []
        try:
            async with self._reading(self._topic) as consumer:
                async for records in _to_the_end(consumer):
                    entries = [entry for entry in map(_entry, records) if entry is not None]
                    wanted += filter(is_wanted, entries)
                    if len(wanted) >= CHUNK:
                        yield wanted
                        wanted = []
        except (UnknownTopicOrPartitionError, TopicAuthorizationFailedError) as error:
            _log.error("accepted ids cannot be read", topic=self._topic, error=repr(error))
        except KafkaError as error:
            raise BrokerUnavailableError(f"{self._topic}: {error!r}") from error
        if wanted:
            yield wanted

    async def answered(self, ids: Collection[str], since_ms: int) -> set[str]:
        """Give those of the ids that have an outcome. since_ms: when the oldest was made, unix ms.

        Raises BrokerUnavailableError.
        """
        asked = {id_.encode() for id_ in ids}
        found: set[str] = set()
        try:
            async with self._reading(self._results) as consumer:
                await _seek(consumer, since_ms)
                async for records in _to_the_end(consumer):
                    found |= {record.key.decode() for record in records if record.key in asked}
        except KafkaError as error:
            raise BrokerUnavailableError(f"{self._results}: {error!r}") from error
        return found

    @asynccontextmanager
    async def _reading(self, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = new_consumer(self._settings, client_id=self._client_id)
        # Without a group, a subscription assigns every partition.
        consumer.subscribe([topic])
        async with started(consumer):
            yield consumer


async def _seek(consumer: AIOKafkaConsumer, since_ms: int) -> None:
    partitions = consumer.assignment()
    ends = await consumer.end_offsets(partitions)
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    for partition in partitions:
        at = found[partition]
        consumer.seek(partition, ends[partition] if at is None else at.offset)


async def _to_the_end(consumer: AIOKafkaConsumer) -> AsyncIterator[list[Record]]:
    ends: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
    while behind := [p for p, end in ends.items() if await consumer.position(p) < end]:
        batches = await consumer.getmany(*behind, timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
        for records in batches.values():
            yield records


def _entry(record: Record) -> AcceptedRequest | None:
    try:
        return parse_accepted(record.headers)
    except HeaderError:
        return None
