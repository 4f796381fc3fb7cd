"""The use case of a prediction: admit, publish, await the outcome."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from structlog.contextvars import bind_contextvars

from gateway.core.admission import (
    AdmissionLimits,
    Admitted,
    CurrentLoad,
    Refusal,
    RefusalReason,
    decide_admission,
    refuse_as_full,
)
from gateway.core.lag_by_owner import PartitionLag
from gateway.core.load_estimator import CountSnapshot, LoadEstimator, LoadReport
from gateway.core.pending_requests import PendingRequests, Resolved
from gateway.ports import AcceptedLog, BrokerProbe, Outcome, RequestPublisher
from gateway.service.late_requests import LateRequests, late_period_s
from gateway.service.outcomes import OutcomeFinder, PendingOutcome, UnknownOutcome
from shared.clock import Clock, created_at_ms, new_id
from shared.contracts.accepted import AcceptedRequest
from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Expired, Succeeded
from shared.kafka.publisher import BrokerUnavailableError, Place, RecordRefusedError

_MAX_OUTCOME_AGE_MS = 30_000
"""An older outcome was delayed here or on the broker: its arrival does not measure the workers'
current rate."""


@dataclass(frozen=True, slots=True)
class AcceptedPrediction:
    """The request is on Kafka and will have exactly one outcome."""

    id: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The outcome arrived in time. accepted_s: when the request was on Kafka (monotonic)."""

    outcome: Outcome
    accepted_s: float


class OutcomeTimeoutError(Exception):
    """No outcome before the deadline; it may still arrive and be read by id."""

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.id = id_


class NoRoomError(Exception):
    """The bytes in flight leave no capacity for the rest of this body. Temporary."""

    def __init__(self, refused: Refusal) -> None:
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
        limits: AdmissionLimits,
    ) -> None:
        self._publisher = publisher
        self._accepted = accepted
        self._outcomes = outcomes
        self._broker = broker
        self._clock = clock
        self._limits = limits
        self._late_requests = LateRequests(accepted, outcomes)
        self._pending: PendingRequests[asyncio.Future[Outcome]] = PendingRequests()
        self._load = LoadEstimator(clock.monotonic_s())
        self._in_flight_bytes = 0
        self._rejected: Counter[str] = Counter()
        self._late: Counter[str] = Counter()
        self.predictions = 0

    def find_refusal(self, image_bytes: int, wait_s: float) -> Refusal | None:
        """Return the refusal of a request before its body is read, or None.

        image_bytes: from Content-Length, 0 without it.
        """
        admitted = self._admit(image_bytes, wait_s)
        return admitted if isinstance(admitted, Refusal) else None

    @contextmanager
    def reserve_body_bytes(self, *, at_most: int) -> Iterator[Callable[[int], None]]:
        """Yield a function that reserves a body's bytes as they arrive; the block releases them.

        at_most: bytes kept of one body; bytes beyond are not counted. The function raises
        NoRoomError when the capacity is exhausted.
        """
        held = 0

        def reserve(size_bytes: int) -> None:
            nonlocal held
            kept = min(size_bytes, at_most - held)
            if self._in_flight_bytes + kept > self._limits.max_in_flight_bytes:
                self._rejected[RefusalReason.BYTES] += 1
                raise NoRoomError(refuse_as_full(RefusalReason.BYTES))
            held += kept
            self._in_flight_bytes += kept

        try:
            yield reserve
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
    ) -> Answered | Refusal:
        """Classify one encoded image.

        traceparent: W3C Trace Context of the caller. explain: the kind of explanation, or None.
        warnings: added to those of the outcome.
        Raises OutcomeTimeoutError after `wait_s` if it was accepted and its outcome may be read
        by id, BrokerUnavailableError if the broker did not confirm that, RecordRefusedError if
        the broker rejects its record.
        """
        admitted = self._admit(len(image), wait_s)
        if isinstance(admitted, Refusal):
            return admitted
        id_ = _bind_request_id(new_id())
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        # Registered before publishing: a fast worker may answer at once.
        self._pending.register(id_, future)
        place: Place | None = None
        late_s = late_period_s(wait_s)
        try:
            with self._hold_bytes(image):
                async with asyncio.timeout(wait_s - late_s):
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
                    # Shielded: it is awaited once more after the timeout.
                    return Answered(_bind_model_version(await asyncio.shield(future)), accepted_s)
        except TimeoutError as error:
            if place is None:
                raise BrokerUnavailableError("not confirmed while the client waited") from error
            late = AcceptedRequest(id_, admitted.deadline_ms, place.partition, place.offset)
            outcome = await self._late_requests.await_outcome(late, future, late_s)
            if outcome is None:
                self._late["no_answer"] += 1
                raise OutcomeTimeoutError(id_) from error
            return Answered(_bind_model_version(outcome), accepted_s)
        finally:
            self._pending.discard(id_)
            self._load.discard(id_)

    async def submit(
        self,
        image: bytes,
        content_type: str,
        wait_s: float,
        traceparent: str | None = None,
        explain: str | None = None,
        warnings: tuple[str, ...] = (),
    ) -> AcceptedPrediction | Refusal:
        """Accept one encoded image without waiting for its outcome.

        Raises BrokerUnavailableError, RecordRefusedError.
        """
        admitted = self._admit(len(image), wait_s)
        if isinstance(admitted, Refusal):
            return admitted
        id_ = _bind_request_id(new_id())
        headers = RequestHeaders(
            id_,
            admitted.deadline_ms,
            content_type,
            traceparent=traceparent,
            explain=explain,
            warnings=warnings,
        )
        # Before publishing: its outcome may arrive at once.
        self._outcomes.add_pending(id_, admitted.deadline_ms)
        try:
            with self._hold_bytes(image):
                place = await self._publish(headers, image)
            await self._accepted.note(
                AcceptedRequest(id_, admitted.deadline_ms, place.partition, place.offset)
            )
        except (BrokerUnavailableError, RecordRefusedError):
            self._outcomes.discard_pending(id_)
            self._load.discard(id_)
            raise
        return AcceptedPrediction(id_, admitted.deadline_ms)

    async def find(self, id_: str) -> Outcome | PendingOutcome | UnknownOutcome:
        """Return the state of a request. Raises BrokerUnavailableError, LookupBusyError."""
        if created_at_ms(id_) is not None:
            _bind_request_id(id_)
        return await self._outcomes.find(id_)

    def on_outcome(self, outcome: Outcome, at_ms: int) -> None:
        """Process an outcome of the results topic, of any gateway's request.

        at_ms: when a worker published it, unix ms.
        """
        expired = isinstance(outcome, Expired)
        self._outcomes.add_outcome(outcome)
        if self._clock.now_ms() - at_ms > _MAX_OUTCOME_AGE_MS:
            self._load.discard(outcome.id)
        else:
            self._load.record_outcome(outcome.id, self._clock.monotonic_s(), inferred=not expired)
        self.predictions += outcome.status == "succeeded"
        decision = self._pending.resolve(outcome.id)
        if isinstance(decision, Resolved) and not decision.waiter.done():
            self._late["expired"] += expired
            decision.waiter.set_result(outcome)

    def snapshot(self) -> CountSnapshot:
        """Return the counts at the start of a lag query."""
        return self._load.snapshot()

    def update_lag(self, partitions: Sequence[PartitionLag], since: CountSnapshot) -> None:
        """Process the lag from the query that began at `since`."""
        self._load.update_lag(partitions, since, self._clock.monotonic_s())

    def report(self) -> LoadReport:
        """Return requests in flight, backlog, and counts of refused and late requests."""
        return LoadReport(
            in_flight=self._load.count_in_flight(self._clock.now_ms()),
            in_flight_bytes=self._in_flight_bytes,
            backlog=self._load.backlog,
            wait_s=self._load.estimate_wait(self._clock.monotonic_s()).seconds,
            rejected=dict(self._rejected),
            late=dict(self._late),
        )

    def _admit(self, image_bytes: int, wait_s: float) -> Admitted | Refusal:
        now_ms = self._clock.now_ms()
        wait = self._load.estimate_wait(self._clock.monotonic_s())
        load = CurrentLoad(
            self._load.count_in_flight(now_ms),
            self._in_flight_bytes,
            self._broker.reachable,
            wait.seconds,
            stalled=wait.stalled,
        )
        admitted = decide_admission(
            image_bytes=image_bytes, wait_s=wait_s, now_ms=now_ms, load=load, limits=self._limits
        )
        if isinstance(admitted, Refusal):
            self._rejected[admitted.reason] += 1
        return admitted

    async def _publish(self, headers: RequestHeaders, image: bytes) -> Place:
        self._load.record_accepted(headers.id, headers.deadline_ms)
        return await self._publisher.publish(headers, image)

    @contextmanager
    def _hold_bytes(self, image: bytes) -> Iterator[None]:
        self._in_flight_bytes += len(image)
        try:
            yield
        finally:
            self._in_flight_bytes -= len(image)


def _bind_request_id(id_: str) -> str:
    bind_contextvars(request_id=id_)
    return id_


def _bind_model_version(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Succeeded):
        bind_contextvars(model_version=outcome.model.version)
    return outcome
