"""The story of a prediction: admitted, published, awaited, answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from structlog.contextvars import bind_contextvars

from gateway.core.admission import Admit, Limits, Load, Reason, Refuse, admit, full
from gateway.core.backlog import Mark
from gateway.core.owners import PartitionLag
from gateway.core.waiters import Waiters, Wake
from gateway.core.workload import LoadReport, Workload
from gateway.ports import AcceptedLog, BrokerProbe, Outcome, RequestPublisher
from gateway.service.last_chance import LastChance, notice_of
from gateway.service.outcomes import OutcomeFinder, Pending, Unknown
from shared.clock import Clock, created_at_ms, new_id
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Expired, Succeeded
from shared.kafka.publisher import BrokerUnavailableError, Place, RecordRefusedError

_NEWS_MS = 30_000
"""An outcome older than this was held up, here or on the broker: its arrival does not measure how
fast the workers are now."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request is on Kafka and will have exactly one outcome."""

    id: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The outcome came in time; the request was on Kafka at `accepted_s` (monotonic)."""

    outcome: Outcome
    accepted_s: float


class DeadlineExceededError(Exception):
    """No outcome came in time; it may still come and be read by id."""

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.id = id_


class NoRoomError(Exception):
    """The bytes in flight leave no room for the rest of this body; may pass."""

    def __init__(self, refused: Refuse) -> None:
        super().__init__(refused.detail)
        self.refused = refused


class PredictionService:
    """Accepts images, waits for their outcomes, finds outcomes by id."""

    def __init__(
        self,
        publisher: RequestPublisher,
        accepted: AcceptedLog,
        outcomes: OutcomeFinder,
        broker: BrokerProbe,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._publisher = publisher
        self._accepted = accepted
        self._outcomes = outcomes
        self._broker = broker
        self._clock = clock
        self._limits = limits
        self._last_chance = LastChance(accepted, outcomes)
        self._waiters: Waiters[asyncio.Future[Outcome]] = Waiters()
        self._workload = Workload(clock.monotonic_s())
        self._in_flight_bytes = 0
        self._rejected: Counter[str] = Counter()
        self._late: Counter[str] = Counter()
        self.predictions = 0

    def refusal(self, image_bytes: int, wait_s: float) -> Refuse | None:
        """Say whether a request would be refused, before its body is read.

        image_bytes: as its client announces them, 0 if it does not.
        """
        admitted = self._admit(image_bytes, wait_s)
        return admitted if isinstance(admitted, Refuse) else None

    @contextmanager
    def arriving(self, *, at_most: int) -> Iterator[Callable[[int], None]]:
        """Give a function that counts a body's bytes as they come in, until the block ends.

        at_most: bytes of one body that are kept; what comes beyond them is not counted. The
        function raises NoRoomError where there is no room for more.
        """
        held = 0

        def take(size_bytes: int) -> None:
            nonlocal held
            kept = min(size_bytes, at_most - held)
            if self._in_flight_bytes + kept > self._limits.max_in_flight_bytes:
                self._rejected[Reason.BYTES] += 1
                raise NoRoomError(full(Reason.BYTES))
            held += kept
            self._in_flight_bytes += kept

        try:
            yield take
        finally:
            self._in_flight_bytes -= held

    async def predict(
        self,
        image: bytes,
        content_type: str,
        wait_s: float,
        traceparent: str | None = None,
        explain: str | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Answered | Refuse:
        """Have one encoded image classified.

        traceparent: of the trace that this is a part of, as W3C Trace Context has it. explain: how
        the answer is to be explained, None: not at all. warnings: to be among those of the answer.
        Raises DeadlineExceededError after `wait_s` if it was accepted and may be found by id,
        BrokerUnavailableError if the broker did not confirm that, RecordRefusedError if the broker
        does not take its record.
        """
        admitted = self._admit(len(image), wait_s)
        if isinstance(admitted, Refuse):
            return admitted
        id_ = _named(new_id())
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        # The waiter stands before the record does: a fast worker must find it.
        self._waiters.expect(id_, future)
        place: Place | None = None
        notice_s = notice_of(wait_s)
        try:
            with self._holding(image):
                async with asyncio.timeout(wait_s - notice_s):
                    headers = RequestHeaders(
                        id_,
                        admitted.deadline_ms,
                        content_type,
                        traceparent=traceparent,
                        explain=explain,
                        warnings=warnings,
                    )
                    place = await self._publish(headers, image)
                    accepted_s = self._clock.monotonic_s()
                    # Shielded: after the time-out it is waited for once more.
                    return Answered(_told(await asyncio.shield(future)), accepted_s)
        except TimeoutError as error:
            if place is None:
                raise BrokerUnavailableError("not confirmed while the client waited") from error
            late = AcceptedRequest(id_, admitted.deadline_ms, place.partition, place.offset)
            outcome = await self._last_chance.wait(late, future, notice_s)
            if outcome is None:
                self._late["no_answer"] += 1
                raise DeadlineExceededError(id_) from error
            return Answered(_told(outcome), accepted_s)
        finally:
            self._waiters.give_up(id_)
            self._workload.give_up(id_)

    async def submit(
        self,
        image: bytes,
        content_type: str,
        wait_s: float,
        traceparent: str | None = None,
        explain: str | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Accepted | Refuse:
        """Accept one encoded image and do not wait.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        admitted = self._admit(len(image), wait_s)
        if isinstance(admitted, Refuse):
            return admitted
        id_ = _named(new_id())
        headers = RequestHeaders(
            id_,
            admitted.deadline_ms,
            content_type,
            traceparent=traceparent,
            explain=explain,
            warnings=warnings,
        )
        # Before its record, as the waiter of one that waits.
        self._outcomes.expect(id_, admitted.deadline_ms)
        try:
            with self._holding(image):
                place = await self._publish(headers, image)
            await self._accepted.note(
                AcceptedRequest(id_, admitted.deadline_ms, place.partition, place.offset)
            )
        except (BrokerUnavailableError, RecordRefusedError):
            self._outcomes.forget(id_)
            self._workload.give_up(id_)
            raise
        return Accepted(id_, admitted.deadline_ms)

    async def find(self, id_: str) -> Outcome | Pending | Unknown:
        """Give what is known of a request. Raises BrokerUnavailableError, LookupBusyError."""
        if created_at_ms(id_) is not None:
            _named(id_)
        return await self._outcomes.find(id_)

    def settle(self, outcome: Outcome, at_ms: int) -> None:
        """Take in an outcome from the results topic, whoever made the request.

        at_ms: when a worker published it, unix ms.
        """
        expired = isinstance(outcome, Expired)
        self._outcomes.settle(outcome)
        if self._clock.now_ms() - at_ms > _NEWS_MS:
            self._workload.give_up(outcome.id)
        else:
            self._workload.answer(outcome.id, self._clock.monotonic_s(), inferred=not expired)
        self.predictions += outcome.status == "succeeded"
        decision = self._waiters.settle(outcome.id)
        if isinstance(decision, Wake) and not decision.waiter.done():
            self._late["expired"] += expired
            decision.waiter.set_result(outcome)

    def mark(self) -> Mark:
        """Begin a look at the workers' lag."""
        return self._workload.mark()

    def looked(self, partitions: Sequence[PartitionLag], since: Mark) -> None:
        """Take in what the look that began at `since` has found."""
        self._workload.looked(partitions, since, self._clock.monotonic_s())

    def report(self) -> LoadReport:
        """Tell what is held, what is before the workers, and who was turned away."""
        return LoadReport(
            in_flight=self._workload.in_flight(self._clock.now_ms()),
            in_flight_bytes=self._in_flight_bytes,
            backlog=self._workload.size,
            wait_s=self._workload.wait(self._clock.monotonic_s()).seconds,
            rejected=dict(self._rejected),
            late=dict(self._late),
        )

    def _admit(self, image_bytes: int, wait_s: float) -> Admit | Refuse:
        now_ms = self._clock.now_ms()
        wait = self._workload.wait(self._clock.monotonic_s())
        load = Load(
            self._workload.in_flight(now_ms),
            self._in_flight_bytes,
            self._broker.reachable,
            wait.seconds,
            stalled=wait.stalled,
        )
        admitted = admit(
            image_bytes=image_bytes, wait_s=wait_s, now_ms=now_ms, load=load, limits=self._limits
        )
        if isinstance(admitted, Refuse):
            self._rejected[admitted.reason] += 1
        return admitted

    async def _publish(self, headers: RequestHeaders, image: bytes) -> Place:
        self._workload.accept(headers.id, headers.deadline_ms)
        return await self._publisher.publish(headers, image)

    @contextmanager
    def _holding(self, image: bytes) -> Iterator[None]:
        self._in_flight_bytes += len(image)
        try:
            yield
        finally:
            self._in_flight_bytes -= len(image)


def _named(id_: str) -> str:
    bind_contextvars(request_id=id_)
    return id_


def _told(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Succeeded):
        bind_contextvars(model_version=outcome.model.version)
    return outcome
