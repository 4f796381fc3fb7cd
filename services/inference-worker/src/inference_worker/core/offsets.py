"""Which offsets may be committed while batches finish out of order."""

from collections.abc import Iterable
from typing import Generic, TypeVar

P = TypeVar("P")


class OffsetLedger(Generic[P]):
    """Remembers, per partition, what was taken and what is answered.

    An offset is committable only when every record taken before it in its partition has had its
    outcome confirmed: a crash then repeats work, but never skips any.
    """

    def __init__(self) -> None:
        self._pending: dict[P, dict[int, bool]] = {}

    def take(self, partition: P, offset: int) -> None:
        """Note a record handed to the service; offsets of a partition come in order."""
        self._pending.setdefault(partition, {})[offset] = False

    def settle(self, partition: P, offset: int) -> None:
        """Note that a record's outcome is confirmed. Unknown offsets (revoked) are ignored."""
        offsets = self._pending.get(partition)
        if offsets is not None and offset in offsets:
            offsets[offset] = True

    def advance(self) -> dict[P, int]:
        """Give the next offset to read, for each partition that moved since the last call."""
        moved: dict[P, int] = {}
        for partition, offsets in self._pending.items():
            done = 0
            for settled in offsets.values():
                if not settled:
                    break
                done += 1
            for offset in list(offsets)[:done]:
                del offsets[offset]
                moved[partition] = offset + 1
        return moved

    def forget(self, partitions: Iterable[P]) -> None:
        """Drop partitions that now belong to another worker."""
        for partition in partitions:
            self._pending.pop(partition, None)
