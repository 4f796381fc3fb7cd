"""The requests whose clients wait for an outcome."""

from dataclasses import dataclass
from typing import Generic, TypeVar

W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Resolved(Generic[W]):
    """The waiter of the outcome."""

    waiter: W


@dataclass(frozen=True, slots=True)
class NotPending:
    """No waiter: another gateway's or an async request, a late or repeated outcome."""


class PendingRequests(Generic[W]):
    """One waiter per request id, registered before its record is published."""

    def __init__(self) -> None:
        self._by_id: dict[str, W] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def register(self, id_: str, waiter: W) -> None:
        """Register the waiter for the first outcome of `id_`."""
        self._by_id[id_] = waiter

    def resolve(self, id_: str) -> Resolved[W] | NotPending:
        """Return and remove the waiter of `id_`, if there is one."""
        waiter = self._by_id.pop(id_, None)
        return NotPending() if waiter is None else Resolved(waiter)

    def discard(self, id_: str) -> None:
        """Remove the waiter of `id_`; its outcome can still be read by id."""
        self._by_id.pop(id_, None)
