"""Ids of which something is known until a moment, bounded."""

from collections import OrderedDict


class RememberedIds:
    """At most `capacity` ids, each until its moment (unix ms); the oldest make room for new ones.

    Pending ids, so that a client that polls one costs no look-up; unknown ones for a moment.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._until_ms: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until_ms)

    def add(self, id_: str, until_ms: int) -> None:
        """Remember an id until that moment, or until it is discarded or makes room."""
        self._until_ms[id_] = until_ms
        self._until_ms.move_to_end(id_)
        if len(self._until_ms) > self._capacity:
            self._until_ms.popitem(last=False)

    def discard(self, id_: str) -> None:
        """Forget an id; one that is not remembered is ignored."""
        self._until_ms.pop(id_, None)

    def holds(self, id_: str, now_ms: int) -> bool:
        """Tell whether the id is remembered, and forget it if its moment has passed."""
        until_ms = self._until_ms.get(id_)
        if until_ms is None:
            return False
        if now_ms >= until_ms:
            del self._until_ms[id_]
            return False
        return True
