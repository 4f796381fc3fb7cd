"""The story of a prediction: admitted, published, awaited, answered."""

import asyncio
from dataclasses import dataclass

from gateway.core.admission import Admit, Limits, Load, Refuse, admit
from gateway.core.outcome_cache import OutcomeCache
from gateway.core.waiters import Waiters, Wake
from gateway.ports import BrokerProbe, Outcome, OutcomeLog, RequestPublisher
from shared.clock import Clock, created_at_ms, new_id
from shared.contracts.headers import RequestHeaders
from shared.contracts.topics import RESULTS_RETENTION_MS


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request is on Kafka and will have exactly one outcome."""

    id: str
    deadline_ms: int


class DeadlineExceededError(Exception):
    """No outcome came in time; it may still come and be read by id."""

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.id = id_


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
        self._in_flight = 0
        self._in_flight_bytes = 0
        self.predictions = 0

    async def predict(self, image: bytes, content_type: str, wait_s: float) -> Outcome | Refuse:
        """Have one encoded image classified.

        Raises DeadlineExceededError after `wait_s`, BrokerUnavailableError if it could not be
        accepted.
        """
        admitted = self._admit(image, wait_s)
        if isinstance(admitted, Refuse):
            return admitted
        id_ = new_id()
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        # The waiter stands before the record does: a fast worker must find it.
        self._waiters.expect(id_, future)
        self._in_flight += 1
        self._in_flight_bytes += len(image)
        try:
            async with asyncio.timeout(wait_s):
                await self._publish(id_, image, content_type, admitted.deadline_ms)
                return await future
        except TimeoutError as error:
            raise DeadlineExceededError(id_) from error
        finally:
            self._waiters.give_up(id_)
            self._in_flight -= 1
            self._in_flight_bytes -= len(image)

    async def submit(self, image: bytes, content_type: str, wait_s: float) -> Accepted | Refuse:
        """Accept one encoded image and do not wait. Raises BrokerUnavailableError."""
        admitted = self._admit(image, wait_s)
        if isinstance(admitted, Refuse):
            return admitted
        id_ = new_id()
        await self._publish(id_, image, content_type, admitted.deadline_ms)
        return Accepted(id_, admitted.deadline_ms)

    async def find(self, id_: str) -> Outcome | Pending | Unknown:
        """Give what is known of a request. Raises BrokerUnavailableError."""
        outcome = self._cache.get(id_)
        if outcome is not None:
            return outcome
        made_ms = created_at_ms(id_)
        if made_ms is None or self._clock.now_ms() - made_ms > RESULTS_RETENTION_MS:
            return Unknown(id_)
        found = await self._outcome_log.find_outcome(id_)
        if found is not None:
            return found
        return Pending(id_) if await self._outcome_log.was_accepted(id_) else Unknown(id_)

    def settle(self, outcome: Outcome) -> None:
        """Take in an outcome from the results topic, whoever made the request."""
        self._cache.add(outcome)
        self.predictions += outcome.status == "succeeded"
        decision = self._waiters.settle(outcome.id)
        if isinstance(decision, Wake) and not decision.waiter.done():
            decision.waiter.set_result(outcome)

    def _admit(self, image: bytes, wait_s: float) -> Admit | Refuse:
        return admit(
            image_bytes=len(image),
            wait_s=wait_s,
            now_ms=self._clock.now_ms(),
            load=Load(self._in_flight, self._in_flight_bytes, self._broker.reachable),
            limits=self._limits,
        )

    async def _publish(self, id_: str, image: bytes, content_type: str, deadline_ms: int) -> None:
        headers = RequestHeaders(id=id_, deadline_ms=deadline_ms, content_type=content_type)
        await self._publisher.publish(headers, image)
