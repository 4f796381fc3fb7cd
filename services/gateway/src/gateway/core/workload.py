"""What is before the workers, and how long it takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from gateway.core.backlog import Backlog, Mark
from gateway.core.owners import Owners, PartitionLag
from gateway.core.service_rate import ServiceRate
from gateway.core.unanswered import Unanswered


@dataclass(frozen=True, slots=True)
class Wait:
    """seconds: for all that waits before workers that work. stalled: no outcome for a while."""

    seconds: float
    stalled: bool


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What the gateway tells of its load. rejected, late: counts by reason, since the start."""

    in_flight: int
    in_flight_bytes: int
    backlog: int
    wait_s: float
    rejected: Mapping[str, int]
    late: Mapping[str, int]


class Workload:
    """Counts requests in and outcomes out; clocks come in as arguments."""

    def __init__(self, now_s: float) -> None:
        self._backlog = Backlog()
        self._owners = Owners()
        self._unserved = 0
        self._rate = ServiceRate(now_s)
        self._own = Unanswered()

    def accept(self, id_: str, deadline_ms: int) -> None:
        """Count a request of this gateway, from before its record is published."""
        self._backlog.accept()
        self._own.add(id_, deadline_ms)

    def give_up(self, id_: str) -> None:
        """Nobody waits for `id_` any more; it is still before the workers."""
        self._own.remove(id_)

    def answer(self, id_: str, now_s: float, *, inferred: bool) -> None:
        """Count an outcome. inferred: it took a worker as long as outcomes do; expiry does not."""
        self._backlog.answer()
        self._own.remove(id_)
        if inferred:
            self._rate.note(now_s, backlog=self.size, answered=1)
        else:
            self._rate.show_life(now_s)

    def mark(self) -> Mark:
        """Begin a look at the group's lag."""
        return self._backlog.mark()

    def looked(self, partitions: Sequence[PartitionLag], since: Mark, now_s: float) -> None:
        """Take in what a look found of every partition."""
        lag = self._owners.looked(partitions, now_s)
        self._unserved = lag.unserved
        self._backlog.looked(lag.total, since)
        self._rate.note(now_s, backlog=self.size, working=lag.working)

    def in_flight(self, now_ms: int) -> int:
        """How many requests of this gateway have neither an outcome nor a passed deadline."""
        self._own.expire(now_ms)
        return len(self._own)

    @property
    def size(self) -> int:
        """How many requests are accepted and not answered."""
        return self._backlog.size(at_least=len(self._own))

    def wait(self, now_s: float) -> Wait:
        """Estimate how long a request that comes now has others before it.

        Not counted is what waits for a dead worker's partitions to be reassigned: it waits for that
        and not for work, and a request among it has its answer some seconds after.
        """
        size, rate = self.size, self._rate.per_second(now_s)
        stalled = size > 0 and self._rate.is_stalled(now_s)
        served = max(0, size - self._unserved)
        if served == 0 or rate is None:
            return Wait(0.0, stalled)
        return Wait(served / rate if rate > 0 else inf, stalled)
