"""Outcomes by id: from memory, or else by a look-up in the topics."""

from dataclasses import dataclass

from gateway.core.outcome_cache import OutcomeCache
from gateway.core.remembered_ids import RememberedIds
from gateway.ports import BrokerProbe, InFlightRequest, Outcome, OutcomeLog
from shared.clock import Clock, created_at_ms
from shared.contracts.topics import ACCEPTED_RETENTION_MS
from shared.kafka.publisher import BrokerUnavailableError

_OVERDUE_MS = 30_000
"""Time after a deadline for one rebalance and one restart of a worker. After it, an id without an
outcome is looked up again from time to time."""

_PENDING_AGAIN_MS = 5_000
_UNKNOWN_MS = 2_000
_MAX_PENDING = 20_000
_MAX_UNKNOWN = 2_000


@dataclass(frozen=True, slots=True)
class PendingOutcome:
    """Accepted, not answered yet."""

    id: str


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """No such request, or its outcome is past retention."""

    id: str


class OutcomeFinder:
    """Finds outcomes by id.

    This gateway reads every outcome as it arrives. An id known to be pending, its own or one that a
    look-up found accepted, therefore stays pending until its outcome arrives.
    """

    def __init__(
        self, log: OutcomeLog, broker: BrokerProbe, clock: Clock, cache: OutcomeCache
    ) -> None:
        self._log = log
        self._broker = broker
        self._clock = clock
        self._cache = cache
        self._pending = RememberedIds(_MAX_PENDING)
        self._unknown = RememberedIds(_MAX_UNKNOWN)

    def add_pending(self, id_: str, deadline_ms: int) -> None:
        """Record an accepted request whose client may read its outcome by id."""
        again_ms = self._clock.now_ms() + _PENDING_AGAIN_MS
        self._pending.add(id_, max(deadline_ms + _OVERDUE_MS, again_ms))

    def discard_pending(self, id_: str) -> None:
        """Remove a request that was not accepted."""
        self._pending.discard(id_)

    def add_outcome(self, outcome: Outcome) -> None:
        """Store an outcome."""
        self._cache.add(outcome)
        self._pending.discard(outcome.id)

    async def find(self, id_: str) -> Outcome | PendingOutcome | UnknownOutcome:
        """Return the state of a request. Raises BrokerUnavailableError, LookupBusyError."""
        now_ms = self._clock.now_ms()
        outcome = self._cache.get(id_)
        if outcome is not None:
            return outcome
        if self._pending.holds(id_, now_ms):
            return PendingOutcome(id_)
        made_ms = created_at_ms(id_)
        if made_ms is None or now_ms - made_ms > ACCEPTED_RETENTION_MS:
            return UnknownOutcome(id_)
        if self._unknown.holds(id_, now_ms):
            return UnknownOutcome(id_)
        if not self._broker.reachable:
            raise BrokerUnavailableError("the broker is unreachable")
        return await self._look_up(id_)

    async def _look_up(self, id_: str) -> Outcome | PendingOutcome | UnknownOutcome:
        found = await self._log.find(id_)
        # An outcome that arrived during the look-up is newer than its result.
        if (outcome := self._cache.get(id_)) is not None:
            return outcome
        match found:
            case None:
                self._unknown.add(id_, self._clock.now_ms() + _UNKNOWN_MS)
                return UnknownOutcome(id_)
            case InFlightRequest(deadline_ms=deadline_ms):
                self.add_pending(id_, deadline_ms)
                return PendingOutcome(id_)
            case _:
                self._cache.add(found)
                return found
