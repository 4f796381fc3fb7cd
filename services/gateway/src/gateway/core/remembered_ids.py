"""A bounded set of ids with an expiry time each."""

from collections import OrderedDict


class RememberedIds:
    """At most `capacity` ids, each until its expiry (unix ms); new ids displace the oldest.

    Holds pending ids, so that polling one needs no look-up, and unknown ids for a short time.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._until_ms: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until_ms)

    def add(self, id_: str, until_ms: int) -> None:
        """Add an id until `until_ms`, until it is discarded, or until it is displaced."""
        self._until_ms[id_] = until_ms
        self._until_ms.move_to_end(id_)
        if len(self._until_ms) > self._capacity:
            self._until_ms.popitem(last=False)

    def discard(self, id_: str) -> None:
        """Remove an id; an unknown one is ignored."""
        self._until_ms.pop(id_, None)

    def holds(self, id_: str, now_ms: int) -> bool:
        """Return whether the id is held; an expired one is removed."""
        until_ms = self._until_ms.get(id_)
        if until_ms is None:
            return False
        if now_ms >= until_ms:
            del self._until_ms[id_]
            return False
        return True
