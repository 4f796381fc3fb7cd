"""Records that may have killed a worker: one at a time, each after a word that it is tried."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from structlog.contextvars import bound_contextvars

from inference_worker.core.handovers import Zone, trying
from inference_worker.core.requests import PredictRequest
from inference_worker.ports import AnswerCounts
from inference_worker.subscribers.answering import (
    Answering,
    ExpelledError,
    Record,
    UnconfirmedError,
)
from inference_worker.subscribers.commits import is_heard
from inference_worker.subscribers.deletions import Deletions
from inference_worker.subscribers.waiting import Waiting

_log = structlog.get_logger(__name__)
_POLL_MS = 250
_AGAIN_S = 0.5
_PATIENCE_S = 10.0
"""For what a careful attempt has to say to be confirmed, while all others wait for it."""


class CarefulLane:
    """Takes the zones of dead owners one record after the other, while other partitions go on.

    alone: held for each record, shared by all lanes of the process; who is found dead while the
    word `trying` stands died of this one record.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        answering: Answering,
        counts: AnswerCounts,
        alone: asyncio.Lock,
        leaving: asyncio.Event,
        deletions: Deletions,
        *,
        mark: str,
    ) -> None:
        self._consumer = consumer
        self._answering = answering
        self._counts = counts
        self._alone = alone
        self._leaving = leaving
        self._deletions = deletions
        self._mark = mark
        self._word = trying(mark)
        self.unfinished: dict[TopicPartition, int] = {}
        """Partitions with a zone, and the next offset of each; the lane alone may poll them."""
        self.polls = 0
        self._held: set[TopicPartition] = set()

    @property
    def busy(self) -> bool:
        """Whether a record is held, tried, or waited for."""
        return bool(self._held)

    def expect(self, zones: Mapping[TopicPartition, Zone]) -> None:
        """Note the zones to clear, and forget all others."""
        self._held.clear()
        self.unfinished = {partition: zone.start for partition, zone in zones.items()}

    async def clear(
        self,
        zones: Mapping[TopicPartition, Zone],
        waiting: Waiting | None,
        on_cleared: Callable[[TopicPartition, int], Awaitable[bool]],
    ) -> None:
        """Work off every expected zone, until we leave.

        on_cleared: awaited with each partition and the offset behind its zone; True: it is done.
        """
        _log.warning(
            "not left in good order: what the last owner may have held is taken with care",
            partitions=len(zones),
            records=sum(zone.until - zone.start for zone in zones.values()),
        )
        # One task for each: a partition that cannot be cleared holds up no other.
        async with asyncio.TaskGroup() as tasks:
            for partition, zone in zones.items():
                tasks.create_task(self._clear_zone(partition, zone, waiting, on_cleared))

    async def _clear_zone(
        self,
        partition: TopicPartition,
        zone: Zone,
        waiting: Waiting | None,
        on_cleared: Callable[[TopicPartition, int], Awaitable[bool]],
    ) -> None:
        while self._next_offset(partition, zone) < zone.until and not self._leaving.is_set():
            try:
                await self._step(partition, zone, waiting)
            finally:
                self._held.discard(partition)
        if not self._leaving.is_set() and await on_cleared(partition, self.unfinished[partition]):
            del self.unfinished[partition]

    def _next_offset(self, partition: TopicPartition, zone: Zone) -> int:
        # Of a partition that was taken from us meanwhile, nothing is left to do.
        return self.unfinished.get(partition, zone.until)

    def _advance(self, partition: TopicPartition, offset: int) -> None:
        if partition in self.unfinished:
            self.unfinished[partition] = offset

    async def _step(self, partition: TopicPartition, zone: Zone, waiting: Waiting | None) -> None:
        if self._next_offset(partition, zone) == zone.condemned:
            await self._condemn(partition, zone)
        elif waiting is not None:
            await self._try_when_due(partition, waiting)
        else:
            async with self._alone:
                # Polled under the lock: one image is in memory, and not one for each zone.
                record = await self._next(partition)
                if record is not None:
                    await self._try(partition, record, self._read(record))

    async def _try_when_due(self, partition: TopicPartition, waiting: Waiting) -> None:
        record = await self._next(partition)
        if record is None:
            return
        requests = self._read(record)
        if await waiting.until_all_due(requests):
            async with self._alone:
                await self._try(partition, record, requests)

    def _read(self, record: Record) -> list[PredictRequest]:
        request = self._answering.read_request(record)
        return [] if request is None else [request]

    async def _next(self, partition: TopicPartition) -> Record | None:
        try:
            polled = await self._consumer.getmany(partition, timeout_ms=_POLL_MS, max_records=1)
            for record in polled.get(partition, ()):
                self.polls += 1
                if not await self._reach(partition, record.offset):
                    return None
                self._held.add(partition)
                return record
            # Retention may have taken the rest of the zone.
            at = await self._consumer.position(partition)
            if await self._reach(partition, at):
                self._advance(partition, at)
        except KafkaError as error:
            _log.warning("polling failed", error=repr(error))
            await asyncio.sleep(_AGAIN_S)
        return None

    async def _reach(self, partition: TopicPartition, offset: int) -> bool:
        """Make up for what was deleted before `offset`; False: we leave before that is done."""
        start = self.unfinished.get(partition, offset)
        if offset <= start or await self._deletions.settle(partition.partition, start, offset):
            return True
        self._consumer.seek(partition, start)
        return False

    async def _condemn(self, partition: TopicPartition, zone: Zone) -> None:
        # Not under the lock: it is not tried, and another zone need not wait for its dead letter.
        record = await self._next(partition)
        if record is None or record.offset != zone.condemned:
            if record is not None:  # retention has taken the condemned one
                self._consumer.seek(partition, record.offset)
                self._advance(partition, record.offset)
            return
        # The word that stands there already: if we die, the next owner condemns it again.
        word = {partition: (record.offset, trying(zone.tried_mark))}
        requests = self._read(record)
        try:
            await self._answering.condemn(
                requests, zone.tried_by, lambda: is_heard(self._consumer, word)
            )
        except ExpelledError:
            return
        await self._finish(partition, record)

    async def _try(
        self, partition: TopicPartition, record: Record, requests: Sequence[PredictRequest]
    ) -> None:
        with bound_contextvars(request_id=requests[0].headers.id if requests else None):
            if not await self._announce(partition, record.offset, self._word):
                return
            self._counts.tried_with_care()
            word = {partition: (record.offset, self._word)}
            try:
                await self._answering.answer(
                    requests, lambda: is_heard(self._consumer, word), patience_s=_PATIENCE_S
                )
            except ExpelledError:
                return
            except UnconfirmedError as error:
                # Others have their turn, and this one again later. The word is withdrawn first:
                # whoever dies of another record must not have this one condemned, too.
                _log.warning("a careful attempt is put off", error=str(error))
                await self._announce(partition, record.offset, self._mark)
                self._consumer.seek(partition, record.offset)
                return
            await self._finish(partition, record)

    async def _finish(self, partition: TopicPartition, record: Record) -> None:
        # Before another zone has its turn: if we die of a record there, the next owner must not
        # find `trying` at this one as well.
        await self._announce(partition, record.offset + 1, self._mark)
        self._advance(partition, record.offset + 1)

    async def _announce(self, partition: TopicPartition, offset: int, word: str) -> bool:
        while not self._leaving.is_set():
            try:
                await self._consumer.commit({partition: (offset, word)})
            except KafkaError as error:
                _log.warning("commit before a careful attempt failed", error=repr(error))
                await asyncio.sleep(_AGAIN_S)
            else:
                return True
        return False
