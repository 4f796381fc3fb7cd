"""Which waiting records are load, and which only wait until a dead worker's session ends.

Lag has two causes. A worker that is busy commits now and then and has more to do: that is load. A
worker that was killed commits nothing until its session ends and others get its partitions: that is
an outage of some seconds, and says nothing of how fast the others are.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SILENT_S = 2.5
"""A worker with lag that commits nothing for this long, while others do, is taken for dead. Longer
than a batch of slow images: a busy worker commits after each."""

OUTAGE_S = 10.0
"""The longest outage that a dead worker may cost: its session (6 s), the rebalance, and the records
that are then tried one by one. What waits for longer counts as load again."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition at one look.

    owner: who made the last commit; a new one with each life of a worker. committed: the offset of
    that commit. behind: records after it.
    """

    number: int
    owner: str
    committed: int
    behind: int


@dataclass(frozen=True, slots=True)
class LagSplit:
    """The group's lag at one look, in records.

    total: of all partitions. working: of the workers that made progress since the look before, or
    had nothing to do; all of it if none did. unserved: of workers that are taken for dead.
    """

    total: int
    working: int
    unserved: int


class LagByOwner:
    """Compares each look with the one before; monotonic seconds come in."""

    def __init__(self) -> None:
        self._commits: dict[int, tuple[str, int]] = {}
        self._signs_s: dict[str, float] = {}

    def split_lag(self, partitions: Sequence[PartitionLag], now_s: float) -> LagSplit:
        """Take in a look at every partition of the topic, and split its lag by owner."""
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
            return 0  # nobody works: nothing tells an outage of one from a stall of all
        dead = (o for o, silent_s in silence_s.items() if SILENT_S < silent_s <= OUTAGE_S)
        return sum(behind[owner] for owner in dead)
