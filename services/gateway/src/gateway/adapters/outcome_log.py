"""Finding by id what only the topics remember.

An id is a UUIDv7, so it says when it was made; the key says which partition. A look-up therefore
reads one partition from that moment on, for as long as an answer could have taken. The topics are
the store; a gateway that boots can answer ids of before, and none has to keep an hour in memory.
"""

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from gateway.ports import Outcome
from shared.clock import created_at_ms
from shared.contracts.predict import parse_result
from shared.contracts.topics import REQUESTS_RETENTION_MS
from shared.kafka.clients import started
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.topic_reader import Record

CLOCK_SKEW_MS = 5_000
"""How far the clocks of gateways and workers may be apart."""

_POLL_MS = 200


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner gives a key (murmur2, KIP-480)."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class KafkaOutcomeLog:
    """Reads single records back from `predict.results` and `predict.requests`."""

    def __init__(
        self,
        new_reader: Callable[[], AIOKafkaConsumer],
        producer: AIOKafkaProducer,
        *,
        results_topic: str,
        requests_topic: str,
        max_wait_ms: int,
        timeout_s: float = 5.0,
        concurrency: int = 4,
    ) -> None:
        self._new_reader = new_reader
        self._producer = producer
        self._results_topic = results_topic
        self._requests_topic = requests_topic
        self._max_wait_ms = max_wait_ms
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(concurrency)

    async def find_outcome(self, id_: str) -> Outcome | None:
        """Give the first outcome of a request, if the topic still holds one.

        Raises BrokerUnavailableError.
        """
        # A request whose deadline has passed is answered when a worker reaches its record,
        # which the topic keeps for its retention and no longer.
        window_ms = REQUESTS_RETENTION_MS + CLOCK_SKEW_MS
        record = await self._find(self._results_topic, id_, window_ms=window_ms)
        return None if record is None or record.value is None else parse_result(record.value)

    async def was_accepted(self, id_: str) -> bool:
        """Tell whether the request is on the topic. Raises BrokerUnavailableError."""
        window_ms = self._max_wait_ms + CLOCK_SKEW_MS
        return await self._find(self._requests_topic, id_, window_ms=window_ms) is not None

    async def _find(self, topic: str, id_: str, *, window_ms: int) -> Record | None:
        made_ms = created_at_ms(id_)
        if made_ms is None:
            return None
        try:
            async with (
                self._slots,
                asyncio.timeout(self._timeout_s),
                started(self._new_reader()) as consumer,
            ):
                partitions = await self._producer.partitions_for(topic)
                where = TopicPartition(topic, partition_of(id_.encode(), len(partitions)))
                return await _scan(consumer, where, id_.encode(), made_ms, window_ms)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"{topic}: {error!r}") from error


async def _scan(
    consumer: AIOKafkaConsumer, where: TopicPartition, key: bytes, made_ms: int, window_ms: int
) -> Record | None:
    start = (await consumer.offsets_for_times({where: made_ms - CLOCK_SKEW_MS}))[where]
    if start is None:
        return None  # nothing as new as the id
    consumer.assign([where])
    consumer.seek(where, start.offset)
    end = (await consumer.end_offsets([where]))[where]
    while await consumer.position(where) < end:
        batches = await consumer.getmany(where, timeout_ms=_POLL_MS)
        for record in batches.get(where, ()):
            if record.key == key:
                return record
            if record.timestamp > made_ms + window_ms:
                return None
    return None
