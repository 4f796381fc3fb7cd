"""The story of a prediction: admitted, published, awaited, answered."""

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
"""An outcome older than this was held up, here or on the broker: its arrival does not measure how
fast the workers are now."""


@dataclass(frozen=True, slots=True)
class AcceptedPrediction:
    """The request is on Kafka and will have exactly one outcome."""

    id: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The outcome came in time; the request was on Kafka at `accepted_s` (monotonic)."""

    outcome: Outcome
    accepted_s: float


class OutcomeTimeoutError(Exception):
    """No outcome came in time; it may still come and be read by id."""

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.id = id_


class NoRoomError(Exception):
    """The bytes in flight leave no room for the rest of this body; may pass."""

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
        """Say whether a request would be refused, before its body is read.

        image_bytes: as its client announces them, 0 if it does not.
        """
        admitted = self._admit(image_bytes, wait_s)
        return admitted if isinstance(admitted, Refusal) else None

    @contextmanager
    def reserve_body_bytes(self, *, at_most: int) -> Iterator[Callable[[int], None]]:
        """Give a function that counts a body's bytes as they come in, until the block ends.

        at_most: bytes of one body that are kept; what comes beyond them is not counted. The
        function raises NoRoomError where there is no room for more.
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
        """Have one encoded image classified.

        traceparent: of the trace that this is a part of, as W3C Trace Context has it. explain: how
        the answer is to be explained, None: not at all. warnings: to be among those of the answer.
        Raises DeadlineExceededError after `wait_s` if it was accepted and may be found by id,
        BrokerUnavailableError if the broker did not confirm that, RecordRefusedError if the broker
        does not take its record.
        """
        admitted = self._admit(len(image), wait_s)
        if isinstance(admitted, Refusal):
            return admitted
        id_ = _bind_request_id(new_id())
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        # The waiter stands before the record does: a fast worker must find it.
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
                    # Shielded: after the time-out it is waited for once more.
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
        """Accept one encoded image and do not wait.

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
        # Before its record, as the waiter of one that waits.
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
        """Give what is known of a request. Raises BrokerUnavailableError, LookupBusyError."""
        if created_at_ms(id_) is not None:
            _bind_request_id(id_)
        return await self._outcomes.find(id_)

    def on_outcome(self, outcome: Outcome, at_ms: int) -> None:
        """Take in an outcome from the results topic, whoever made the request.

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
        """Begin a look at the workers' lag."""
        return self._load.snapshot()

    def update_lag(self, partitions: Sequence[PartitionLag], since: CountSnapshot) -> None:
        """Take in what the look that began at `since` has found."""
        self._load.update_lag(partitions, since, self._clock.monotonic_s())

    def report(self) -> LoadReport:
        """Tell what is held, what is before the workers, and who was turned away."""
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
