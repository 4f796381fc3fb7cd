"""Look-ups by id in the topics.

An id is a UUIDv7, which contains its creation time; the key determines the partition. A look-up
therefore reads one partition of each topic from that time on, for as long as an outcome could have
taken. The topics are the store: a new gateway finds earlier ids, and none keeps an hour in memory.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from gateway.adapters.reader_pool import ReaderPool
from gateway.ports import Found, InFlightRequest, Outcome
from shared.clock import Clock, created_at_ms
from shared.contracts.accepted import parse_accepted
from shared.contracts.headers import parse_request_headers
from shared.contracts.predict import parse_result
from shared.contracts.topics import REQUESTS_RETENTION_MS, RESULTS_RETENTION_MS
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.topic_reader import Record

CLOCK_SKEW_MS = 5_000
"""Maximum difference between the clocks of gateways and workers."""

_ANSWERED_WITHIN_MS = REQUESTS_RETENTION_MS + CLOCK_SKEW_MS
"""A request past its deadline is answered when a worker reaches its record, within the retention of
the topic. Only after an outage is one answered later."""

_POLL_MS = 200
_SEGMENT_MS = 120_000
"""Kafka deletes whole segments, and checks for them every few minutes."""


@dataclass(frozen=True, slots=True)
class LookupTopics:
    """results: outcomes. requests: images. accepted: ids that clients hold."""

    results: str
    requests: str
    accepted: str


@dataclass(frozen=True, slots=True)
class _Window:
    """Records of these times, unix ms; None: up to the partition's end."""

    from_ms: int
    until_ms: int | None


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner gives a key (murmur2, KIP-480)."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class KafkaOutcomeLog:
    """Reads single records back from `predict.results`, `predict.accepted`, `predict.requests`.

    Concurrent look-ups of one id are merged.
    """

    def __init__(
        self,
        readers: ReaderPool,
        producer: AIOKafkaProducer,
        clock: Clock,
        topics: LookupTopics,
        *,
        has_topic: Callable[[str], bool],
        max_wait_ms: int,
        timeout_s: float = 5.0,
    ) -> None:
        """producer: asked for the topics' partitions. timeout_s: of one look-up, queue included."""
        self._readers = readers
        self._producer = producer
        self._clock = clock
        self._topics = topics
        self._has_topic = has_topic
        self._max_wait_ms = max_wait_ms
        self._timeout_s = timeout_s
        self._under_way: dict[str, asyncio.Task[Found]] = {}

    async def find(self, id_: str) -> Found:
        """Return a request's first outcome, or that it is in flight; None for an unknown id.

        Raises BrokerUnavailableError, LookupBusyError.
        """
        task = self._under_way.get(id_)
        if task is None:
            task = self._under_way[id_] = asyncio.create_task(self._look_up(id_))
            task.add_done_callback(lambda done: self._end(id_, done))
        # A client that disconnects must not cancel the look-up for the others.
        return await asyncio.shield(task)

    def _end(self, id_: str, task: "asyncio.Task[Found]") -> None:
        self._under_way.pop(id_, None)
        if not task.cancelled():
            task.exception()  # retrieved, also if every client has disconnected

    async def close(self) -> None:
        """Cancel all look-ups."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_up(self, id_: str) -> Found:
        made_ms = created_at_ms(id_)
        if made_ms is None:
            return None
        try:
            async with asyncio.timeout(self._timeout_s), self._readers.reader() as consumer:
                return await self._find(consumer, id_, made_ms)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"look-up by id: {error!r}") from error

    async def _find(self, consumer: AIOKafkaConsumer, id_: str, made_ms: int) -> Found:
        key, age_ms = id_.encode(), self._clock.now_ms() - made_ms
        since_ms = made_ms - CLOCK_SKEW_MS
        accepted_until_ms = made_ms + self._max_wait_ms + 2 * CLOCK_SKEW_MS
        windows = {self._topics.results: _Window(since_ms, made_ms + _ANSWERED_WITHIN_MS)}
        if self._has_topic(self._topics.accepted):
            windows[self._topics.accepted] = _Window(since_ms, accepted_until_ms)
        found = await self._scan(consumer, key, windows)
        if (outcome := _outcome(found.get(self._topics.results))) is not None:
            return outcome
        in_flight = _in_flight(found.get(self._topics.accepted))
        if in_flight is None and age_ms <= REQUESTS_RETENTION_MS + _SEGMENT_MS:
            # Accepted by a gateway that writes no entries: only then are images read.
            window = {self._topics.requests: _Window(since_ms, accepted_until_ms)}
            found = await self._scan(consumer, key, window)
            in_flight = _requested(found.get(self._topics.requests))
        if in_flight is None or age_ms <= _ANSWERED_WITHIN_MS:
            return in_flight
        late = {self._topics.results: _Window(made_ms + _ANSWERED_WITHIN_MS, None)}
        found = await self._scan(consumer, key, late)
        outcome = _outcome(found.get(self._topics.results))
        # No outcome after an hour: it existed, and is past its retention.
        return in_flight if outcome is None and age_ms <= RESULTS_RETENTION_MS else outcome

    async def _scan(
        self, consumer: AIOKafkaConsumer, key: bytes, windows: Mapping[str, _Window]
    ) -> dict[str, Record]:
        """Return the first record with `key` of each topic, if its window has one."""
        places = {}
        for topic, window in windows.items():
            partitions = await self._producer.partitions_for(topic)
            places[TopicPartition(topic, partition_of(key, len(partitions)))] = window
        starts = await consumer.offsets_for_times({p: w.from_ms for p, w in places.items()})
        ends = await consumer.end_offsets(list(places))
        # A partition without a record as new as its window has nothing to read.
        left = {p: w for p, w in places.items() if starts[p] is not None}
        if not left:
            return {}
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, starts[place].offset)
        found: dict[str, Record] = {}
        while left := {p: w for p, w in left.items() if await consumer.position(p) < ends[p]}:
            batches = await consumer.getmany(*left, timeout_ms=_POLL_MS)
            for place, records in batches.items():
                hit, is_past = _search(records, key, left[place])
                if hit is not None:
                    found[place.topic] = hit
                if hit is not None or is_past:
                    del left[place]
                    consumer.pause(place)
        return found


def _search(records: list[Record], key: bytes, window: _Window) -> tuple[Record | None, bool]:
    for record in records:
        if record.key == key:
            return record, False
        if window.until_ms is not None and record.timestamp > window.until_ms:
            return None, True
    return None, False


def _outcome(record: Record | None) -> Outcome | None:
    return None if record is None or record.value is None else parse_result(record.value)


def _in_flight(record: Record | None) -> InFlightRequest | None:
    if record is None:
        return None
    entry = parse_accepted(record.headers)
    return InFlightRequest(entry.id, entry.deadline_ms)


def _requested(record: Record | None) -> InFlightRequest | None:
    if record is None:
        return None
    headers = parse_request_headers(record.headers)
    return InFlightRequest(headers.id, headers.deadline_ms)
