"""Artifacts on disk: one file a sha256, written aside and renamed, so never seen half-written."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

from registry.adapters.durable import sync_folder
from registry.adapters.incoming import Incoming, Part
from registry.core.refusals import Refuse
from registry.ports import ArtifactsUnavailableError, Stored
from shared.observability.error_words import kind_of

_BLOCK_BYTES = 64 * 1024


class DiskArtifacts:
    """An Artifacts port over one folder, which no other process writes to.

    max_bytes: largest artifact taken.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._incoming = Incoming(folder / ".incoming", max_bytes=max_bytes)

    def prepare(self) -> None:
        """Make the folders, and drop what a killed process left unfinished. Raises OSError."""
        self._incoming.prepare()

    async def store(self, sha256: str, chunks: AsyncIterator[bytes]) -> Stored | Refuse:
        """Take the bytes in, whole or not at all; see the port."""
        async with self._incoming.received(sha256, chunks) as part:
            if isinstance(part, Refuse):
                return part
            return await asyncio.to_thread(_publish, part, self._path(sha256))

    async def size_bytes(self, sha256: str) -> int | None:
        """Give the size of a stored artifact; None if there is none."""
        return await asyncio.to_thread(_size_bytes, self._path(sha256))

    async def read(self, sha256: str, first: int = 0) -> AsyncIterator[bytes]:
        """Stream a stored artifact from byte `first` on; see the port."""
        # Not in a thread: a request cancelled meanwhile would leave the file open.
        with _opened(self._path(sha256)) as stream:
            while block := await asyncio.to_thread(_read_block, stream, first):
                yield block
                first += len(block)

    async def load(self, sha256: str) -> bytes:
        """Give the bytes of a small artifact; see the port."""
        try:
            return await asyncio.to_thread(self._path(sha256).read_bytes)
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error

    async def remove(self, sha256: str, before_ms: int) -> bool:
        """Delete an artifact if it was stored before then; see the port."""
        return await asyncio.to_thread(_remove, self._path(sha256), before_ms)

    async def is_available(self) -> bool:
        """Tell whether a file can be written now."""
        return await asyncio.to_thread(self._incoming.is_writable)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256


def _publish(part: Part, target: Path) -> Stored:
    """Make the bytes durable, then visible, then make that durable."""
    os.fsync(part.stream.fileno())
    created = not target.exists()
    # Also over an existing file: the same bytes, and a file that rotted is whole again.
    part.path.replace(target)
    sync_folder(target.parent)
    return Stored(part.size_bytes, created)


def _remove(path: Path, before_ms: int) -> bool:
    try:
        if path.stat().st_mtime * 1000 >= before_ms:
            return False
        path.unlink()
    except FileNotFoundError:
        return True
    except OSError as error:
        raise ArtifactsUnavailableError(kind_of(error)) from error
    return True


def _opened(path: Path) -> io.FileIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise ArtifactsUnavailableError(str(error)) from error


def _read_block(stream: io.FileIO, first: int) -> bytes:
    try:
        return os.pread(stream.fileno(), _BLOCK_BYTES, first)
    except OSError as error:
        raise ArtifactsUnavailableError(str(error)) from error


def _size_bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactsUnavailableError(str(error)) from error
