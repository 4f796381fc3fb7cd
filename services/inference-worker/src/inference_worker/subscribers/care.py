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
from inference_worker.subscribers.answering import Answering, ExpelledError, Record
from inference_worker.subscribers.commits import is_heard
from inference_worker.subscribers.deletions import Deletions
from inference_worker.subscribers.waiting import Waiting

_log = structlog.get_logger(__name__)
_POLL_MS = 250
_AGAIN_S = 0.5


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
        self._word = trying(mark)
        self.unfinished: dict[TopicPartition, int] = {}
        """Partitions with a zone, and the next offset of each; the lane alone may poll them."""
        self.polls = 0
        self.busy = False
        """Whether a record is held, tried, or waited for."""

    def expect(self, zones: Mapping[TopicPartition, Zone]) -> None:
        """Note the zones to clear, and forget all others."""
        self.busy = False
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
        for partition, zone in zones.items():
            while self.unfinished[partition] < zone.until and not self._leaving.is_set():
                record = await self._next(partition)
                self.busy = record is not None
                if record is not None and await self._take(partition, record, zone, waiting):
                    self.unfinished[partition] = record.offset + 1
                self.busy = False
            if not self._leaving.is_set() and await on_cleared(
                partition, self.unfinished[partition]
            ):
                del self.unfinished[partition]

    async def _next(self, partition: TopicPartition) -> Record | None:
        try:
            polled = await self._consumer.getmany(partition, timeout_ms=_POLL_MS, max_records=1)
            for record in polled.get(partition, ()):
                self.polls += 1
                return record if await self._reach(partition, record.offset) else None
            # Retention may have taken the rest of the zone.
            at = await self._consumer.position(partition)
            if await self._reach(partition, at):
                self.unfinished[partition] = at
        except KafkaError as error:
            _log.warning("polling failed", error=repr(error))
            await asyncio.sleep(_AGAIN_S)
        return None

    async def _reach(self, partition: TopicPartition, offset: int) -> bool:
        """Make up for what was deleted before `offset`; False: we leave before that is done."""
        start = self.unfinished[partition]
        if offset <= start or await self._deletions.settle(partition.partition, start, offset):
            return True
        self._consumer.seek(partition, start)
        return False

    async def _take(
        self, partition: TopicPartition, record: Record, zone: Zone, waiting: Waiting | None
    ) -> bool:
        requests = self._answering.read([record])
        if record.offset == zone.condemned:
            await self._answering.condemn(requests, zone.tried_by)
            return True
        if waiting is not None and not await waiting.until_all_due(requests):
            return False
        async with self._alone:
            with bound_contextvars(request_id=requests[0].headers.id if requests else None):
                return await self._try(partition, record.offset, requests)

    async def _try(
        self, partition: TopicPartition, offset: int, requests: Sequence[PredictRequest]
    ) -> bool:
        if not await self._announce(partition, offset):
            return False
        self._counts.tried_with_care()
        word = {partition: (offset, self._word)}
        try:
            await self._answering.answer(requests, lambda: is_heard(self._consumer, word))
        except ExpelledError:
            return False
        return True

    async def _announce(self, partition: TopicPartition, offset: int) -> bool:
        while not self._leaving.is_set():
            try:
                await self._consumer.commit({partition: (offset, self._word)})
            except KafkaError as error:
                _log.warning("commit before a careful attempt failed", error=repr(error))
                await asyncio.sleep(_AGAIN_S)
            else:
                return True
        return False
