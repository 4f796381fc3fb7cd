"""Connection slots, in all and per address. No sockets, no clock."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Places:
    """Counts open connections. max_per_address: connections of one address at once."""

    def __init__(self, max_connections: int, max_per_address: int) -> None:
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._by_address: dict[str, int] = {}
        self._open = 0

    def take(self, address: str) -> bool:
        """Count one more connection; False if there are as many as allowed."""
        held = self._by_address.get(address, 0)
        if self._open >= self._max_connections or held >= self._max_per_address:
            return False
        self._by_address[address] = held + 1
        self._open += 1
        return True

    def free(self, address: str) -> None:
        """Count one less."""
        self._open -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class Reserve(Generic[T]):
    """A few further slots for probes.

    A new entry displaces the oldest one: a probe sends its request as it connects, so holding
    these places takes a flood of new connections, never a number of silent ones.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[T, None] = OrderedDict()

    def enter(self, entry: T) -> T | None:
        """Take a slot, and return the entry that it displaced."""
        self._entries[entry] = None
        return self._entries.popitem(last=False)[0] if len(self._entries) > self._size else None

    def leave(self, entry: T) -> None:
        """Release the slot, if the entry still has one."""
        self._entries.pop(entry, None)
