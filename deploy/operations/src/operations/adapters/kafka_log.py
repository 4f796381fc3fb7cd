"""One topic, read from a moment on, without a group: reading leaves no trace on the broker."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Generic, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from operations.ports import TopicMissingError, TopicUnreadableError
from shared.clock import Clock
from shared.kafka.clients import new_consumer, started
from shared.kafka.settings import KafkaSettings
from shared.kafka.topic_reader import Record

T = TypeVar("T")

_POLL_MS = 500
_MAX_RECORDS = 500
_STALLED_S = 15.0
_CLIENT_ID = "operations"


class KafkaLog(Generic[T]):
    """Turns each record into a small value at once; images are dropped as they come.

    entry_of raises ValueError for a record that is none of ours: counted, and passed over.
    cut_ms: retention has deleted records of after the moment that was sought, up to this one,
    unix ms; 0: none.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        entry_of: Callable[[Record], T],
        clock: Clock,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._entry_of = entry_of
        self._clock = clock
        self.unreadable = 0
        self.cut_ms = 0

    async def seek(self, from_ms: int) -> None:
        """Stand at the first record of that moment or later. Raises TopicUnreadableError."""
        try:
            partitions = self._consumer.assignment()
            # The ends first: what comes between the two questions is found by the second.
            ends = await self._consumer.end_offsets(partitions)
            begins = await self._consumer.beginning_offsets(partitions)
            found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, from_ms))
        except KafkaError as error:
            raise TopicUnreadableError(f"{self._topic}: {error!r}") from error
        for partition in partitions:
            at = found[partition]
            self._consumer.seek(partition, ends[partition] if at is None else at.offset)
            if at is not None and 0 < begins[partition] == at.offset:
                # The first record that is left is of the window: there may have been earlier ones.
                self.cut_ms = max(self.cut_ms, at.timestamp)

    async def read(self) -> list[T]:
        """Give what came since the last call, up to what was there when this one began.

        In partition order. Raises TopicUnreadableError, also when nothing comes for 15 s.
        """
        try:
            return await self._read()
        except KafkaError as error:
            raise TopicUnreadableError(f"{self._topic}: {error!r}") from error

    async def _read(self) -> list[T]:
        ends = await self._consumer.end_offsets(self._consumer.assignment())
        found: list[T] = []
        moved_s = self._clock.monotonic_s()
        while behind := [p for p, end in ends.items() if await self._consumer.position(p) < end]:
            batches = await self._consumer.getmany(
                *behind, timeout_ms=_POLL_MS, max_records=_MAX_RECORDS
            )
            now_s = self._clock.monotonic_s()
            if batches:
                moved_s = now_s
            elif now_s - moved_s > _STALLED_S:
                raise TopicUnreadableError(f"{self._topic}: nothing came for {_STALLED_S:.0f} s")
            for records in batches.values():
                for record in records:
                    self._take(record, found)
        return found

    def _take(self, record: Record, found: list[T]) -> None:
        try:
            found.append(self._entry_of(record))
        except ValueError:
            self.unreadable += 1


class EmptyLog(Generic[T]):
    """Stands for a topic that the cluster does not have yet."""

    unreadable = 0
    cut_ms = 0

    async def read(self) -> list[T]:
        """Give nothing."""
        return []


@asynccontextmanager
async def kafka_log_if_there(
    settings: KafkaSettings,
    topic: str,
    entry_of: Callable[[Record], T],
    *,
    from_ms: int,
    clock: Clock,
) -> AsyncIterator[KafkaLog[T] | EmptyLog[T]]:
    """Open a log as `kafka_log` does; an empty one where there is no such topic."""
    async with AsyncExitStack() as stack:
        opening = kafka_log(settings, topic, entry_of, from_ms=from_ms, clock=clock)
        log: KafkaLog[T] | EmptyLog[T]
        try:
            log = await stack.enter_async_context(opening)
        except TopicMissingError:
            log = EmptyLog()
        yield log


@asynccontextmanager
async def kafka_log(
    settings: KafkaSettings,
    topic: str,
    entry_of: Callable[[Record], T],
    *,
    from_ms: int,
    clock: Clock,
) -> AsyncIterator[KafkaLog[T]]:
    """Open a log at a moment, unix ms; 0 is its beginning. Raises TopicUnreadableError."""
    consumer = new_consumer(settings, client_id=_CLIENT_ID, fetch_max_wait_ms=100)
    # Without a group, a subscription assigns every partition.
    consumer.subscribe([topic])
    try:
        async with started(consumer):
            log = KafkaLog(consumer, topic, entry_of, clock)
            await log.seek(from_ms)
            yield log
    except UnknownTopicOrPartitionError as error:
        raise TopicMissingError(f"there is no topic {topic}") from error
    except KafkaError as error:
        raise TopicUnreadableError(f"{topic}: {error!r}") from error
