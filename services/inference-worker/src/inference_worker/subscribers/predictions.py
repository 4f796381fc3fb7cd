"""Requests in, outcomes out, offsets committed last.

A consumer loop of our own on the one path where it pays: no wait after an empty poll, batches
overlap, and an unreadable record costs itself alone (docs/decisions/0002).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from inference_worker.core.deletions import Gaps
from inference_worker.ports import AnswerCounts, OffsetSource
from inference_worker.subscribers.answering import Answering, ExpelledError, Record
from inference_worker.subscribers.care import CarefulLane
from inference_worker.subscribers.commits import Commits
from inference_worker.subscribers.deletions import Deletions
from inference_worker.subscribers.gaps import GapWatch
from inference_worker.subscribers.large_images import LargeImageQueue
from inference_worker.subscribers.progress import SelfCheck
from inference_worker.subscribers.takeover import Takeover, insist, survey
from inference_worker.subscribers.waiting import Waiting
from shared.clock import Clock
from shared.kafka.clients import started_unless

_log = structlog.get_logger(__name__)
_POLL_MS = 250
_DRAIN_S = 6.0
_AGAIN_S = 0.5
_NONE_TO_POLL_S = 0.05
_GROW_S = 0.005


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is taken at once.

    waits: a request is held until its `not-before`; batches are of one then.
    stuck_after_s: between two looks at whether the consumer still gets what there is.
    """

    max_batch: int
    max_batches_in_flight: int
    waits: bool
    stuck_after_s: float


class PredictionConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Member of a group of workers: takes what is there at once, answers it, then commits.

    Results are confirmed by the broker before their requests' offsets are committed; commits run
    beside the work, at most one in flight, because waiting for one costs a batch its time.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        answering: Answering,
        offsets: OffsetSource,
        counts: AnswerCounts,
        clock: Clock,
        pace: Pace,
        *,
        mark: str,
        alone: asyncio.Lock,
        expire: Callable[[Gaps], Awaitable[None]],
    ) -> None:
        """mark: of this process, on its commits. alone: see CarefulLane. expire: see Deletions."""
        self._consumer = consumer
        self._topic = topic
        self._answering = answering
        self._offsets = offsets
        self._pace = pace
        self._mark = mark
        self._slots = asyncio.Semaphore(pace.max_batches_in_flight)
        self._growing = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._commits = Commits(consumer, mark, self._leaving)
        self._deletions = Deletions(expire, self._leaving)
        self._lane = CarefulLane(
            consumer, answering, counts, alone, self._leaving, self._deletions, mark=mark
        )
        self._waiting = Waiting(clock, counts, self._leaving) if pace.waits else None
        self._large = LargeImageQueue(
            answering, self._commits, self._leaving, max_batch=pace.max_batch
        )
        self._fast: set[TopicPartition] = set()
        self._gaps = GapWatch(consumer, self._commits, self._deletions, self._finish)
        self._work: set[asyncio.Task[None]] = set()
        self._takeover: asyncio.Task[None] | None = None
        self._broken = asyncio.Event()
        self._error: BaseException | None = None
        self._polls = 0
        self._polling = False
        self._stopping = False
        self.assigned = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; then finish what was taken, commit it, and leave the group.

        Raises StuckConsumerError, and whatever is a bug: the process must end then.
        """
        self._consumer.subscribe([self._topic], listener=self)
        async with started_unless(stop, self._consumer) as is_started:
            if not is_started:
                return
            try:
                await self._work_until(stop)
                self._stopping = True
                await self._leave()
            finally:
                self.assigned = 0
                self._deletions.stop()
                for task in (*self._work, *self._gaps.held.values()):
                    task.cancel()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Answer and commit what was taken before another worker may read on from there."""
        _log.debug("partitions revoked", topic=self._topic, partitions=len(revoked))
        await self._leave()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Take nothing of these before it is known how their last owner ended."""
        # Before the first await: nothing of the new assignment can have been fetched yet.
        self._consumer.pause(*assigned)
        self._fast = set()
        if self._stopping:
            return
        self._leaving.clear()
        self._takeover = self._begin(self._take_over(sorted(assigned)))

    async def _work_until(self, stop: asyncio.Event) -> None:
        check = SelfCheck(
            self._consumer,
            self._offsets,
            every_s=self._pace.stuck_after_s,
            polls=lambda: self._polls + self._lane.polls,
            is_free=self._polls_all,
        )
        forever = (self._take_batches(), check.run(), self._until_broken(), stop.wait())
        tasks = [asyncio.ensure_future(coroutine) for coroutine in forever]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _polls_all(self) -> bool:
        held_back = self._lane.busy or self._gaps.held or self._large.blocked(self._fast)
        return self._polling and not held_back

    async def _until_broken(self) -> None:
        await self._broken.wait()
        if self._error is not None:
            raise self._error

    async def _take_over(self, partitions: Sequence[TopicPartition]) -> None:
        found: list[Takeover] = []

        async def mark() -> None:
            found[:] = [await survey(self._offsets, partitions, self._mark)]
            await self._commits.own(found[0].starts)

        if not await insist(mark, self._leaving):
            return
        (takeover,) = found
        self._lane.expect(takeover.zones)
        self._fast = set(takeover.starts)
        self._consumer.resume(*partitions)
        self.assigned = len(partitions)
        _log.info("partitions assigned", topic=self._topic, partitions=len(partitions))
        if takeover.zones:
            await self._lane.clear(takeover.zones, self._waiting, self._cleared)

    async def _cleared(self, partition: TopicPartition, offset: int) -> bool:
        marked = await insist(lambda: self._commits.own({partition: offset}), self._leaving)
        if marked:
            self._fast.add(partition)
        return marked

    async def _take_batches(self) -> None:
        while True:
            await self._slots.acquire()
            if self._waiting is not None:
                await self._waiting.until_room()
            await self._large.until_room()
            records: list[Record] = []
            self._polling = True
            try:
                records = await self._poll(_POLL_MS, self._pace.max_batch)
            except KafkaError as error:
                _log.warning("polling failed", error=repr(error))
                await asyncio.sleep(_AGAIN_S)
            finally:
                self._polling = False
                if not records:
                    self._slots.release()
            if records:
                self._took(records)
                self._begin(self._answer(records)).add_done_callback(self._free_slot)

    async def _poll(self, timeout_ms: int, at_most: int) -> list[Record]:
        blocked = self._large.blocked(self._fast)
        if not (self._lane.unfinished or blocked):
            polled = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=at_most)
        elif partitions := self._fast - blocked:
            polled = await self._consumer.getmany(
                *partitions, timeout_ms=timeout_ms, max_records=at_most
            )
        else:
            await asyncio.sleep(_NONE_TO_POLL_S)
            return []
        for partition in self._lane.unfinished.keys() & polled.keys():
            # This poll began before the partition was found to need care.
            self._consumer.seek(partition, polled.pop(partition)[0].offset)
        if polled:
            self._gaps.hold_back(polled)
        else:
            await self._gaps.look(self._fast - self._lane.unfinished.keys())
        return [record for records in polled.values() for record in records]

    def _took(self, records: Sequence[Record]) -> None:
        self._polls += 1
        self._commits.take(records)

    async def _grown(self, records: Sequence[Record]) -> list[Record]:
        """Add what comes in while the engine is busy with another batch: no record waits for it."""
        grown = [*records]
        while room := self._pace.max_batch - len(grown):
            # Leaving, a poll would wait for the assignment that waits for this batch.
            if await self._answering.is_free(_GROW_S) or self._leaving.is_set():
                break
            if self._growing.locked() or self._lane.unfinished:
                continue
            try:
                async with self._growing:
                    more = await self._poll(0, room)
            except KafkaError as error:
                _log.warning("polling failed", error=repr(error))
                break
            if more:
                self._took(more)
                grown += more
        return grown

    async def _answer(self, records: Sequence[Record]) -> None:
        if self._waiting is None:
            records = await self._grown(records)
        batch = [(record, self._answering.read_request(record)) for record in records]
        if self._waiting is None:
            batch = self._large.set_aside(batch, self._begin)
        records = [record for record, _ in batch]
        requests = [request for _, request in batch if request is not None]
        if self._waiting is not None and not await self._waiting.until_all_due(requests):
            self._commits.drop(records)
            return
        try:
            await self._answering.answer(requests, lambda: self._commits.still_own(records))
        except ExpelledError:
            self._commits.drop(records)
        else:
            self._commits.settle(records)

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._finish)
        return task

    def _finish(self, task: "asyncio.Task[None]") -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Uncommitted: after the restart that a supervisor gives, it is delivered again.
            _log.error("a bug outside of any one message", exc_info=error)
            self._error = error
            self._broken.set()

    def _free_slot(self, _: "asyncio.Task[None]") -> None:
        self._slots.release()

    async def _leave(self) -> None:
        self._leaving.set()
        self.assigned = 0
        if self._work:
            await asyncio.wait(self._work, timeout=_DRAIN_S)
        if self._takeover is not None:
            self._takeover.cancel()
        await self._commits.leave(self._lane.unfinished)
        self._lane.expect({})
