"""Files: artifacts of models, images of the dataset, a bundle that is here already."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.core.refusals import Refuse
from shared.contracts.insights import Measures


class ArtifactsUnavailableError(Exception):
    """What holds the files failed or is full. Nothing became visible. Retriable."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An artifact is there, whole and durable. created: it was not there before."""

    size_bytes: int
    created: bool


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

    def read(self, sha256: str, first: int = 0) -> AsyncIterator[bytes]:
        """Stream a stored artifact from byte `first` on, in blocks of 1 MiB at the most.

        sha256: from a manifest, never from a client.
        """
        ...

    async def load(self, sha256: str) -> bytes:
        """Give the bytes of a stored artifact whose size is known to be small."""
        ...

    async def remove(self, sha256: str, before_ms: int) -> bool:
        """Delete an artifact if it was stored before then; tell whether none is there now."""
        ...

    async def is_available(self) -> bool:
        """Tell whether an artifact could be stored now; raises nothing."""
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

    async def load(self, sha256: str) -> bytes | None:
        """Give a file's bytes as they lie there; None where there is none.

        sha256: from the store, never from a client.
        """
        ...


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """An image to be measured: its bytes, and what it is said to show."""

    content: bytes
    label: str


class PictureMeasures(Protocol):
    """Looks at pictures, away from this process: pixels cost memory and time."""

    async def measure(
        self, classes: Sequence[str], pictures: AsyncIterator[MeasuredImage]
    ) -> Measures:
        """Measure as many as there is time for, in order; the others are not asked for.

        Raises MeasuringError, and what `pictures` raises.
        """
        ...


class MeasuringError(Exception):
    """Pictures could not be measured now; the message names no file."""


class SeedSource(Protocol):
    """A whole bundle that is already on this machine."""

    @property
    def manifest_bytes(self) -> bytes:
        """Give the manifest as it lies there."""
        ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Stream one of the files that the manifest lists."""
        ...
