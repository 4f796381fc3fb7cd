"""How many requests are queued before the workers, and how long the workers take for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from gateway.core.lag_by_owner import LagByOwner, PartitionLag
from gateway.core.service_rate import ServiceRate


@dataclass(frozen=True, slots=True)
class QueueWait:
    """seconds: estimate for all requests queued before working workers.

    stalled: no outcome arrived for a while.
    """

    seconds: float
    stalled: bool


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The gateway's load. rejected, late: counts by reason since the start."""

    in_flight: int
    in_flight_bytes: int
    backlog: int
    wait_s: float
    rejected: Mapping[str, int]
    late: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CountSnapshot:
    """The counts at the moment a query of the consumer lag began."""

    accepted: int
    answered: int


class LoadEstimator:
    """Estimates the queue from requests, outcomes and consumer lag; clocks come in as arguments."""

    def __init__(self, now_s: float) -> None:
        self._backlog = Backlog()
        self._lag_by_owner = LagByOwner()
        self._unserved = 0
        self._rate = ServiceRate(now_s)
        self._open = OpenRequests()

    def record_accepted(self, id_: str, deadline_ms: int) -> None:
        """Count a request of this gateway, before its record is published."""
        self._backlog.record_accepted()
        self._open.add(id_, deadline_ms)

    def discard(self, id_: str) -> None:
        """Stop counting `id_` as in flight here; it stays part of the backlog."""
        self._open.remove(id_)

    def record_outcome(self, id_: str, now_s: float, *, inferred: bool) -> None:
        """Count an outcome. inferred: a worker ran the model for it, which expiry does not."""
        self._backlog.record_outcome()
        self._open.remove(id_)
        if inferred:
            self._rate.record(now_s, backlog=self.backlog, answered=1)
        else:
            self._rate.mark_alive(now_s)

    def snapshot(self) -> CountSnapshot:
        """Return the counts to pass to `update_lag` after the lag query that begins now."""
        return self._backlog.snapshot()

    def update_lag(
        self, partitions: Sequence[PartitionLag], since: CountSnapshot, now_s: float
    ) -> None:
        """Record the consumer lag of every partition, from a query that began at `since`."""
        lag = self._lag_by_owner.split_lag(partitions, now_s)
        self._unserved = lag.unserved
        self._backlog.update_lag(lag.total, since)
        self._rate.record(now_s, backlog=self.backlog, working=lag.working)

    def count_in_flight(self, now_ms: int) -> int:
        """Return how many requests of this gateway have neither outcome nor passed deadline."""
        self._open.expire(now_ms)
        return len(self._open)

    @property
    def backlog(self) -> int:
        """How many requests are accepted and not answered, by any gateway."""
        return self._backlog.size(at_least=len(self._open))

    def estimate_wait(self, now_s: float) -> QueueWait:
        """Estimate how long a request accepted now waits for those queued before it.

        Records that wait for a dead worker's partitions to be reassigned do not count: they wait
        for the rebalance, not for work, and are answered some seconds after it.
        """
        backlog, rate = self.backlog, self._rate.per_second(now_s)
        stalled = backlog > 0 and self._rate.is_stalled(now_s)
        served = max(0, backlog - self._unserved)
        if served == 0 or rate is None:
            return QueueWait(0.0, stalled)
        return QueueWait(served / rate if rate > 0 else inf, stalled)


class Backlog:
    """The last known lag, plus requests accepted here since, minus all outcomes since.

    Requests accepted by other gateways show in the next lag query. Workers commit slightly after
    they answer, so a query counts some milliseconds of outcomes too many, never too few.
    """

    def __init__(self) -> None:
        self._accepted = 0
        self._answered = 0
        self._lag = 0
        self._since = CountSnapshot(0, 0)

    def record_accepted(self) -> None:
        """Count a request that this gateway publishes."""
        self._accepted += 1

    def record_outcome(self) -> None:
        """Count an outcome of any gateway's request."""
        self._answered += 1

    def snapshot(self) -> CountSnapshot:
        """Return the counts to pass to `update_lag` after the lag query that begins now."""
        return CountSnapshot(self._accepted, self._answered)

    def update_lag(self, lag: int, since: CountSnapshot) -> None:
        """Record the group's lag, from a query that began at `since`."""
        self._lag, self._since = lag, since

    def size(self, *, at_least: int) -> int:
        """Return the number of requests. at_least: those this gateway knows to be unanswered."""
        since = self._accepted - self._since.accepted - (self._answered - self._since.answered)
        return max(self._lag + since, at_least, 0)


class OpenRequests:
    """Ids of requests accepted here without an outcome, each until its deadline.

    Admission bounds the number, so requests that no client asks for again cost no memory.
    """

    def __init__(self) -> None:
        self._deadlines: dict[str, int] = {}
        self._earliest_ms: int | None = None

    def __len__(self) -> int:
        return len(self._deadlines)

    def add(self, id_: str, deadline_ms: int) -> None:
        """Count a request until its outcome, or until its deadline, unix ms."""
        self._deadlines[id_] = deadline_ms
        if self._earliest_ms is None or deadline_ms < self._earliest_ms:
            self._earliest_ms = deadline_ms

    def remove(self, id_: str) -> None:
        """Stop counting a request; an unknown id is ignored."""
        self._deadlines.pop(id_, None)

    def expire(self, now_ms: int) -> None:
        """Stop counting the requests whose deadline has passed."""
        if self._earliest_ms is None or now_ms < self._earliest_ms:
            return
        kept = {id_: at for id_, at in self._deadlines.items() if at > now_ms}
        self._deadlines = kept
        self._earliest_ms = min(kept.values(), default=None)
