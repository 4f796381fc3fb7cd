"""What the story needs from outside, and how the outside may let it down."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, TypeVar

from registry.core.dataset import UploadCounts
from registry.core.jobs import KeptJob
from registry.core.lifecycle import Promote, Promotion
from registry.core.refusals import Refuse
from shared.contracts.dataset import DatasetImage, DatasetSummary
from shared.contracts.models import ModelRecord
from shared.contracts.train import Mode
from shared.kafka.publisher import Publisher

T = TypeVar("T")

OpenPublisher: TypeAlias = Callable[[], AbstractAsyncContextManager[Publisher]]
"""Opens a Publisher for one burst of events. Entering it raises BrokerUnavailableError."""


class StartError(Exception):
    """The registry cannot start; the message is one sentence for the operator."""


class StoreUnavailableError(Exception):
    """The database did not answer or did not take the change. Nothing was changed. Retriable."""


class ArtifactsUnavailableError(Exception):
    """The disk with the artifacts failed or is full. Nothing became visible. Retriable."""


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


@dataclass(frozen=True, slots=True)
class Stored:
    """An artifact is on disk, whole and synced. created: it was not there before."""

    size_bytes: int
    created: bool


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Something was done to an image of the dataset."""

    sha256: str
    action: Literal["conflict", "relabelled", "deleted"]
    detail: str
    at_ms: int


class DatasetRows(Protocol):
    """The dataset's part of a transaction."""

    def image(self, sha256: str) -> DatasetImage | None:
        """Give one image with its open conflicts."""
        ...

    def usable_images(self) -> Sequence[DatasetImage]:
        """Give every image without an open conflict, in any order."""
        ...

    def dataset_summary(self) -> DatasetSummary:
        """Count all images."""
        ...

    def upload_counts(self, since_ms: int | None) -> UploadCounts:
        """Count the images without an open conflict. since_ms: new is what came after it."""
        ...

    def overruled_labels(self, sha256: str) -> frozenset[str]:
        """Give the labels of an image that somebody decided against."""
        ...

    def deleted_at_ms(self, sha256: str) -> int | None:
        """Give when an image of these bytes was last deleted, unix ms."""
        ...

    def deleted_images(self) -> Sequence[str]:
        """Give the sha256 of what was deleted and did not come back."""
        ...

    def add_image(self, image: DatasetImage) -> None:
        """Keep a new image; it has no conflict."""
        ...

    def add_conflict(self, sha256: str, label: str) -> None:
        """Note another label that somebody claimed for an image."""
        ...

    def decide_label(self, sha256: str, label: str, overruled: Iterable[str]) -> None:
        """Give an image its label, close its conflicts, and remember what was decided against."""
        ...

    def remove_image(self, sha256: str) -> None:
        """Forget an image, but not its audit."""
        ...

    def audit(self, line: AuditLine) -> None:
        """Append a line to the audit."""
        ...

    def audit_of(self, sha256: str) -> Sequence[AuditLine]:
        """Give what was done to an image, oldest first."""
        ...


class JobRows(Protocol):
    """The jobs' part of a transaction."""

    def job(self, id_: str) -> KeptJob | None:
        """Give one job."""
        ...

    def jobs(self) -> Sequence[KeptJob]:
        """Give every job, newest first."""
        ...

    def open_jobs(self) -> Sequence[KeptJob]:
        """Give the jobs that have not ended, newest first."""
        ...

    def add_job(self, kept: KeptJob) -> None:
        """Keep a new job."""
        ...

    def save_job(self, kept: KeptJob) -> None:
        """Keep a job as it is now."""
        ...

    def last_success_ms(self, mode: Mode) -> int | None:
        """Give when the last job of a mode that succeeded was requested, unix ms."""
        ...


class Transaction(DatasetRows, JobRows, Protocol):
    """One consistent view of all state; within `Store.write`, changes that commit together."""

    def models(self) -> Sequence[ModelRecord]:
        """Every version, oldest first."""
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

    def promotion(self, number: int) -> Promotion | None:
        """Give one line of the history."""
        ...

    def add_model(self, record: ModelRecord, manifest_bytes: bytes) -> None:
        """Keep a new version with the exact bytes of its manifest."""
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


class Store(Protocol):
    """The database. Both methods raise StoreUnavailableError."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a thread on one snapshot."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a thread as the only writer; commit all of it, or nothing if it raises."""
        ...


class Artifacts(Protocol):
    """Immutable files by the sha256 of their bytes. Methods raise ArtifactsUnavailableError."""

    async def store(self, sha256: str, chunks: AsyncIterator[bytes]) -> Stored | Refuse:
        """Take the bytes in; they become visible whole, or not at all.

        Refuses TOO_LARGE and CHECKSUM_MISMATCH.
        """
        ...

    async def size_bytes(self, sha256: str) -> int | None:
        """Give the size of a stored artifact; None if there is none."""
        ...

    def path(self, sha256: str) -> Path:
        """Tell where a stored artifact lies. sha256: from a manifest, never from a client."""
        ...


class ImageFiles(Protocol):
    """The dataset's files by the sha256 of their bytes. Methods raise ArtifactsUnavailableError."""

    async def store(self, sha256: str, content: bytes) -> None:
        """Make a file durable and visible, whole or not at all; the same again changes nothing.

        sha256: checked by the caller to be that of the content.
        """
        ...

    async def remove(self, sha256: str) -> None:
        """Delete a file; nothing happens where there is none."""
        ...

    def path(self, sha256: str) -> Path:
        """Tell where a file lies. sha256: of a known image, never from a client."""
        ...


class BundleSource(Protocol):
    """A whole bundle that is already on this machine."""

    @property
    def manifest_bytes(self) -> bytes:
        """Give the manifest as it lies there."""
        ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Stream one of the files that the manifest lists."""
        ...
