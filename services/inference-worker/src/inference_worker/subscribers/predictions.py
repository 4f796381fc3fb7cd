"""`predict.requests` in, outcomes out, offsets committed last.

A consumer loop of our own on the one path where it pays: no wait after an empty poll, batches
overlap, and an unreadable record costs itself alone (docs/decisions/0002).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from inference_worker.core.offsets import OffsetLedger
from inference_worker.core.requests import PredictRequest
from inference_worker.ports import Outcome, OutcomePublisher
from inference_worker.service import InferenceService
from shared.contracts.headers import HeaderError, parse_request_headers
from shared.kafka.clients import started
from shared.kafka.publisher import BrokerUnavailableError

_log = structlog.get_logger(__name__)
_POLL_MS = 250
_DRAIN_S = 8.0
_COMMIT_EVERY_S = 0.05
_RETRY_PUBLISH_S = 0.5

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class PredictionConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Member of the workers' group: takes what is there at once, answers it, then commits.

    Results are confirmed by the broker before their requests' offsets are committed; commits run
    beside the work, at most one in flight, because waiting for one costs a batch its time.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        service: InferenceService,
        publisher: OutcomePublisher,
        *,
        max_batch: int,
        max_batches_in_flight: int,
        on_answered: Callable[[Sequence[Outcome]], None],
        on_unreadable: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._service = service
        self._publisher = publisher
        self._max_batch = max_batch
        self._slots = asyncio.Semaphore(max_batches_in_flight)
        self._on_answered = on_answered
        self._on_unreadable = on_unreadable
        self._ledger: OffsetLedger[TopicPartition] = OffsetLedger()
        self._batches: set[asyncio.Task[None]] = set()
        self._committing: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()
        self.assigned = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; then finish what was taken, commit it, and leave the group."""
        self._consumer.subscribe([self._topic], listener=self)
        async with started(self._consumer):
            try:
                while not stop.is_set():
                    await self._take_batch()
                await self._drain()
            finally:
                for task in self._batches:
                    task.cancel()
                self.assigned = 0

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Answer and commit what was taken before another worker may read on from there."""
        await self._drain()
        self._ledger.forget(revoked)
        self.assigned = 0

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Note how many partitions this worker serves."""
        self.assigned = len(assigned)
        _log.info("partitions assigned", partitions=len(assigned))

    async def _take_batch(self) -> None:
        await self._slots.acquire()
        taken = False
        try:
            polled = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=self._max_batch)
            records = [record for records in polled.values() for record in records]
            if records:
                self._start_batch(records)
                taken = True
        except KafkaError as error:
            _log.warning("polling failed", error=repr(error))
            await asyncio.sleep(_RETRY_PUBLISH_S)
        finally:
            if not taken:
                self._slots.release()

    def _start_batch(self, records: Sequence[Record]) -> None:
        for record in records:
            self._ledger.take(TopicPartition(record.topic, record.partition), record.offset)
        task = asyncio.create_task(self._answer(records))
        self._batches.add(task)
        task.add_done_callback(self._finish_batch)

    def _finish_batch(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Uncommitted: after the restart that a supervisor gives, it is delivered again.
            _log.error("batch failed", exc_info=error)

    async def _answer(self, records: Sequence[Record]) -> None:
        requests = [r for r in map(self._parse, records) if r is not None]
        if requests:
            outcomes = await self._service.answer(requests)
            await self._publish(outcomes)
            self._on_answered(outcomes)
        for record in records:
            self._ledger.settle(TopicPartition(record.topic, record.partition), record.offset)
        self._commit_soon()

    def _parse(self, record: Record) -> PredictRequest | None:
        try:
            headers = parse_request_headers(record.headers)
        except HeaderError as error:
            _log.error(
                "record is no request",
                partition=record.partition,
                offset=record.offset,
                error=str(error),
            )
            self._on_unreadable()
            return None
        return PredictRequest(headers, record.value or b"", record.timestamp)

    async def _publish(self, outcomes: Sequence[Outcome]) -> None:
        while True:
            try:
                await self._publisher.publish(outcomes)
            except BrokerUnavailableError as error:
                # Readers of results de-duplicate by id, so publishing all of them again is safe.
                _log.warning("results not confirmed, trying again", error=str(error))
                await asyncio.sleep(_RETRY_PUBLISH_S)
            else:
                return

    def _commit_soon(self) -> None:
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())

    async def _commit(self) -> None:
        # A commit a batch would cost the broker as much as the batch; a crash between two commits
        # only repeats what readers de-duplicate.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), _COMMIT_EVERY_S)
        while offsets := self._ledger.advance():
            try:
                await self._consumer.commit(offsets)
            except KafkaError as error:
                # Lost by a rebalance or a broker away: the records come again, nothing is lost.
                _log.warning("commit failed", error=repr(error))
                return

    async def _drain(self) -> None:
        if self._batches:
            await asyncio.wait(self._batches, timeout=_DRAIN_S)
        self._leaving.set()
        if self._committing is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._committing), timeout=_DRAIN_S)
        self._leaving.clear()
