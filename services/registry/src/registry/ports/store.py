"""The database: one consistent view of all state, and changes that commit together."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from registry.core.lifecycle import Promote, Promotion
from registry.ports.rows import DatasetRows, JobRows, LeaseRows
from shared.contracts.models import ModelRecord

T = TypeVar("T")


class StoreUnavailableError(Exception):
    """The database did not answer or did not take the change. Nothing was changed. Retriable."""


@dataclass(frozen=True, slots=True)
class Event:
    """A record that must reach Kafka. topic: as declared, without the cluster's prefix."""

    topic: str
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class UnsentEvent:
    """An event that no broker has confirmed yet; numbers give the order of sending."""

    number: int
    event: Event


class Transaction(DatasetRows, JobRows, LeaseRows, Protocol):
    """One consistent view of all state; within `Store.write`, changes that commit together."""

    def models(
        self, *, limit: int | None = None, before: str | None = None
    ) -> Sequence[ModelRecord]:
        """Every version, oldest first; what was deleted is none.

        limit: only the newest so many. before: only those registered before this version.
        """
        ...

    def model(self, version: str) -> ModelRecord | None:
        """Give one version, whatever its state."""
        ...

    def manifest_bytes(self, version: str) -> bytes | None:
        """Give the manifest exactly as it was registered."""
        ...

    def current(self) -> ModelRecord | None:
        """Give the version whose state is current; there is at most one."""
        ...

    def latest_promotion(self) -> Promotion | None:
        """Give the promotion that made the current model."""
        ...

    def first_promotion(self) -> Promotion | None:
        """Give the first line of the history."""
        ...

    def promotion(self, number: int) -> Promotion | None:
        """Give one line of the history."""
        ...

    def add_model(self, record: ModelRecord, manifest_bytes: bytes) -> None:
        """Keep a new version with the exact bytes of its manifest."""
        ...

    def delete_model(self, version: str, now_ms: int) -> None:
        """Make a version invisible; its name stays taken."""
        ...

    def is_deleted_model(self, version: str) -> bool:
        """Tell whether there was a version of this name that was deleted."""
        ...

    def deleted_manifests(self, before_ms: int | None) -> Sequence[tuple[str, bytes]]:
        """Give versions whose files are not removed yet. before_ms: deleted until then."""
        ...

    def forget_manifest(self, version: str) -> None:
        """Note that the files of a deleted version are removed."""
        ...

    def reject_model(self, version: str) -> None:
        """Make a version rejected."""
        ...

    def record_promotion(self, decision: Promote) -> None:
        """Change both models' states and write the line of the history."""
        ...

    def enqueue(self, event: Event, now_ms: int) -> None:
        """Put an event behind all others."""
        ...

    def reopen_latest(self, topic: str) -> None:
        """Make the last event of a topic unsent again; nothing happens where there is none."""
        ...

    def unsent(self, limit: int) -> Sequence[UnsentEvent]:
        """Give the events that wait, in the order of their commits."""
        ...

    def count_unsent(self) -> int:
        """Count the events that wait."""
        ...

    def mark_sent(self, number: int, now_ms: int) -> None:
        """Note that the broker confirmed an event; the first note stands."""
        ...

    def forget_sent(self, before_ms: int, limit: int) -> int:
        """Delete the oldest events sent before then, and give how many; each topic's last stays."""
        ...


class Store(Protocol):
    """The database. Its methods raise StoreUnavailableError."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a thread on one snapshot."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a thread as the only writer; commit all of it, or nothing if it raises."""
        ...

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        """Keep everybody else who asks for `name` waiting, in every registry over this database."""
        ...
