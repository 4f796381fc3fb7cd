"""Consumer lag split by the worker that owns it: load, or the outage of a dead worker.

Lag has two causes. A busy worker commits regularly and has more to do: that is load. A killed
worker commits nothing until its session ends and its partitions are reassigned: that is an outage
of some seconds, which does not measure the rate of the others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SILENT_S = 2.5
"""A worker with lag that commits nothing for this long, while others do, counts as dead. It is
longer than a batch of slow images: a busy worker commits after each batch."""

OUTAGE_S = 10.0
"""Maximum outage after a worker died: its session (6 s), the rebalance, and the quarantined
records, which are processed one by one. Records that wait for longer count as load again."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The lag of one partition.

    owner: the worker process that made the last commit. committed: the offset of that commit.
    behind: records after it.
    """

    number: int
    owner: str
    committed: int
    behind: int


@dataclass(frozen=True, slots=True)
class LagSplit:
    """The group's lag, in records.

    total: of all partitions. working: of the workers that made progress since the last query, or
    had nothing to do; all of it if none did. unserved: of workers that count as dead.
    """

    total: int
    working: int
    unserved: int


class LagByOwner:
    """Compares each lag query with the one before; monotonic seconds are passed in."""

    def __init__(self) -> None:
        self._commits: dict[int, tuple[str, int]] = {}
        self._signs_s: dict[str, float] = {}

    def split_lag(self, partitions: Sequence[PartitionLag], now_s: float) -> LagSplit:
        """Split the lag of every partition of the topic by owner."""
        behind: Counter[str] = Counter()
        for partition in partitions:
            behind[partition.owner] += partition.behind
        total = behind.total()
        working = self._working(partitions, behind)
        self._signs_s = {
            owner: now_s if owner in working else self._signs_s.get(owner, now_s)
            for owner in behind
        }
        self._commits = {p.number: (p.owner, p.committed) for p in partitions}
        return LagSplit(
            total=total,
            working=sum(behind[owner] for owner in working) if working else total,
            unserved=self._unserved(behind, now_s),
        )

    def _working(self, partitions: Sequence[PartitionLag], behind: Counter[str]) -> set[str]:
        moved = {
            p.owner
            for p in partitions
            if self._commits.get(p.number, (p.owner, p.committed)) != (p.owner, p.committed)
        }
        return moved | {owner for owner, records in behind.items() if not records}

    def _unserved(self, behind: Counter[str], now_s: float) -> int:
        silence_s = {owner: now_s - sign_s for owner, sign_s in self._signs_s.items()}
        if min(silence_s.values(), default=0.0) > SILENT_S:
            return 0  # no worker makes progress: one outage cannot be distinguished from a stall
        dead = (o for o, silent_s in silence_s.items() if SILENT_S < silent_s <= OUTAGE_S)
        return sum(behind[owner] for owner in dead)
