"""The story of a prediction: admitted, published, awaited, answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from structlog.contextvars import bind_contextvars

from gateway.core.admission import Admit, Limits, Load, Reason, Refuse, admit, full
from gateway.core.backlog import Mark
from gateway.core.outcome_cache import OutcomeCache
from gateway.core.waiters import Waiters, Wake
from gateway.core.workload import LoadReport, Workload
from gateway.ports import BrokerProbe, Outcome, OutcomeLog, RequestPublisher
from shared.clock import Clock, created_at_ms, new_id
from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Expired, Succeeded
from shared.contracts.topics import RESULTS_RETENTION_MS
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError


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


@dataclass(frozen=True, slots=True)
class Pending:
    """Accepted, not answered yet."""

    id: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No such request, or its outcome is past retention."""

    id: str


class PredictionService:
    """Accepts images, waits for their outcomes, finds outcomes by id."""

    def __init__(
        self,
        publisher: RequestPublisher,
        outcome_log: OutcomeLog,
        broker: BrokerProbe,
        clock: Clock,
        limits: Limits,
        cache: OutcomeCache,
    ) -> None:
        self._publisher = publisher
        self._outcome_log = outcome_log
        self._broker = broker
        self._clock = clock
        self._limits = limits
        self._cache = cache
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
        Raises DeadlineExceededError after `wait_s`, BrokerUnavailableError or RecordRefusedError
        if it could not be accepted.
        """
        admitted = self._admit(len(image), wait_s)
        if isinstance(admitted, Refuse):
            return admitted
        id_ = _named(new_id())
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        # The waiter stands before the record does: a fast worker must find it.
        self._waiters.expect(id_, future)
        try:
            with self._holding(image):
                async with asyncio.timeout(wait_s):
                    headers = RequestHeaders(
                        id_,
                        admitted.deadline_ms,
                        content_type,
                        traceparent=traceparent,
                        explain=explain,
                        warnings=warnings,
                    )
                    await self._publish(headers, image)
                    accepted_s = self._clock.monotonic_s()
                    return Answered(_told(await future), accepted_s)
        except TimeoutError as error:
            self._late["no_answer"] += 1
            raise DeadlineExceededError(id_) from error
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
        try:
            with self._holding(image):
                await self._publish(headers, image)
        except (BrokerUnavailableError, RecordRefusedError):
            self._workload.give_up(id_)
            raise
        return Accepted(id_, admitted.deadline_ms)

    async def find(self, id_: str) -> Outcome | Pending | Unknown:
        """Give what is known of a request. Raises BrokerUnavailableError."""
        outcome = self._cache.get(id_)
        if outcome is not None:
            return outcome
        made_ms = created_at_ms(id_)
        if made_ms is None or self._clock.now_ms() - made_ms > RESULTS_RETENTION_MS:
            return Unknown(id_)
        _named(id_)
        if not self._broker.reachable:
            raise BrokerUnavailableError("known to be away")
        found = await self._outcome_log.find_outcome(id_)
        if found is not None:
            return found
        return Pending(id_) if await self._outcome_log.was_accepted(id_) else Unknown(id_)

    def settle(self, outcome: Outcome) -> None:
        """Take in an outcome from the results topic, whoever made the request."""
        expired = isinstance(outcome, Expired)
        self._cache.add(outcome)
        self._workload.answer(outcome.id, self._clock.monotonic_s(), inferred=not expired)
        self.predictions += outcome.status == "succeeded"
        decision = self._waiters.settle(outcome.id)
        if isinstance(decision, Wake) and not decision.waiter.done():
            self._late["expired"] += expired
            decision.waiter.set_result(outcome)

    def mark(self) -> Mark:
        """Begin a look at the workers' lag."""
        return self._workload.mark()

    def looked(self, lag: int, since: Mark) -> None:
        """Take in what the look that began at `since` has found."""
        self._workload.looked(lag, since, self._clock.monotonic_s())

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

    async def _publish(self, headers: RequestHeaders, image: bytes) -> None:
        self._workload.accept(headers.id, headers.deadline_ms)
        await self._publisher.publish(headers, image)

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
