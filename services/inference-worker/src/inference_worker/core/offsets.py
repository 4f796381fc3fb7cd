"""Which offsets may be committed while batches finish out of order."""

from enum import Enum, auto
from typing import Generic, TypeVar

P = TypeVar("P")


class _State(Enum):
    TAKEN = auto()
    SETTLED = auto()
    DROPPED = auto()


class OffsetLedger(Generic[P]):
    """Remembers, per partition, what was taken and what is answered.

    An offset is committable only when every record taken before it in its partition has had its
    outcome confirmed: a crash then repeats work, but never skips any.
    """

    def __init__(self) -> None:
        self._pending: dict[P, dict[int, _State]] = {}
        self._next: dict[P, int] = {}
        self._expected: dict[P, int] = {}

    def begin(self, partition: P, offset: int) -> None:
        """Note a partition that is owned from now on, and what it is read from."""
        self._pending[partition] = {}
        self._next[partition] = offset
        self._expected[partition] = offset

    def take(self, partition: P, offset: int) -> None:
        """Note a record handed to the service; offsets of a partition come in order."""
        self._pending[partition][offset] = _State.TAKEN
        self._expected[partition] = offset + 1

    def expected(self, partition: P) -> int | None:
        """Give the offset behind the last one taken; None: the partition is not owned."""
        return self._expected.get(partition)

    def skip(self, partition: P, offset: int) -> None:
        """Note that nothing is left before `offset` but what was taken."""
        if partition in self._pending:
            self._expected[partition] = offset
            if not self._pending[partition]:
                self._next[partition] = offset

    def settle(self, partition: P, offset: int) -> None:
        """Note that a record's outcome is confirmed. Unknown offsets (revoked) are ignored."""
        self._mark(partition, offset, _State.SETTLED)

    def drop(self, partition: P, offset: int) -> None:
        """Note that a record was given back untried: never committed, yet in nobody's hands."""
        self._mark(partition, offset, _State.DROPPED)

    def _mark(self, partition: P, offset: int, state: _State) -> None:
        offsets = self._pending.get(partition)
        if offsets is not None and offset in offsets:
            offsets[offset] = state

    def advance(self) -> dict[P, int]:
        """Give the next offset to read, for each partition that moved since the last call."""
        moved: dict[P, int] = {}
        for partition, offsets in self._pending.items():
            done = 0
            for state in offsets.values():
                if state is not _State.SETTLED:
                    break
                done += 1
            for offset in list(offsets)[:done]:
                del offsets[offset]
                moved[partition] = offset + 1
        self._next |= moved
        return moved

    def standing(self) -> dict[P, tuple[int, bool]]:
        """Give, for each owned partition, the next offset to read and whether all is at rest.

        At rest: no record of it is still being tried.
        """
        self.advance()
        return {
            partition: (offset, _State.TAKEN not in self._pending[partition].values())
            for partition, offset in self._next.items()
        }

    def next_offset(self, partition: P) -> int | None:
        """Give the offset to read next, as last noted; None: the partition is not owned."""
        return self._next.get(partition)

    def count_uncommitted(self, partition: P) -> int:
        """Return how many offsets lie between the next one to read, as last noted, and the last."""
        return self._expected.get(partition, 0) - self._next.get(partition, 0)

    def forget(self) -> None:
        """Drop every partition: each may now belong to another worker."""
        self._pending.clear()
        self._next.clear()
        self._expected.clear()
