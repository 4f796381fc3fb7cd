"""Whom an outcome wakes."""

from dataclasses import dataclass
from typing import Generic, TypeVar

W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Resolved(Generic[W]):
    """This one has waited for the outcome."""

    waiter: W


@dataclass(frozen=True, slots=True)
class NotPending:
    """Nobody waits: another gateway's request, an async one, a late or repeated outcome."""


class PendingRequests(Generic[W]):
    """One waiter per request id, from before its record is published until it is answered."""

    def __init__(self) -> None:
        self._by_id: dict[str, W] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def register(self, id_: str, waiter: W) -> None:
        """Let `waiter` be woken by the first outcome of `id_`."""
        self._by_id[id_] = waiter

    def resolve(self, id_: str) -> Resolved[W] | NotPending:
        """Decide whom an outcome of `id_` wakes; at most once for each expectation."""
        waiter = self._by_id.pop(id_, None)
        return NotPending() if waiter is None else Resolved(waiter)

    def discard(self, id_: str) -> None:
        """Stop waiting for `id_`; its outcome can still be read by id."""
        self._by_id.pop(id_, None)
