"""Artifacts on disk: one file a sha256, written aside and renamed, so never seen half-written."""

import asyncio
import hashlib
import io
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from registry.adapters.durable import sync_folder
from registry.core.refusals import Refuse, RegistryCode
from registry.ports import ArtifactsUnavailableError, Stored
from shared.contracts.errors import ErrorCode

_BLOCK_BYTES = 1024 * 1024


class DiskArtifacts:
    """An Artifacts port over one folder, which no other process writes to.

    max_bytes: largest artifact taken.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._incoming = folder / ".incoming"
        self._max_bytes = max_bytes

    def prepare(self) -> None:
        """Make the folders, and drop what a killed process left unfinished. Raises OSError."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        for unfinished in self._incoming.iterdir():
            unfinished.unlink()

    async def store(self, sha256: str, chunks: AsyncIterator[bytes]) -> Stored | Refuse:
        """Take the bytes in, whole or not at all; see the port."""
        # Not in a thread: a request cancelled meanwhile would leave the file to nobody.
        part = _new_part(self._incoming)
        try:
            return await self._store(part, sha256, chunks)
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error
        finally:
            part.path.unlink(missing_ok=True)
            part.stream.close()

    async def size_bytes(self, sha256: str) -> int | None:
        """Give the size of a stored artifact; None if there is none."""
        return await asyncio.to_thread(_size_bytes, self._path(sha256))

    async def read(self, sha256: str, first: int = 0) -> AsyncIterator[bytes]:
        """Stream a stored artifact from byte `first` on; see the port."""
        # Not in a thread, as above.
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

    async def is_available(self) -> bool:
        """Tell whether a file can be written now."""
        return await asyncio.to_thread(_try_write, self._incoming)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256

    async def _store(
        self, part: "_Part", sha256: str, chunks: AsyncIterator[bytes]
    ) -> Stored | Refuse:
        async for block in _blocks(chunks):
            if part.size_bytes + len(block) > self._max_bytes:
                return Refuse(
                    ErrorCode.TOO_LARGE, f"An artifact has at most {self._max_bytes} bytes."
                )
            await asyncio.to_thread(part.append, block)
        if part.sha256 != sha256:
            return Refuse(
                RegistryCode.CHECKSUM_MISMATCH,
                f"The {part.size_bytes} bytes received have the sha256 {part.sha256}.",
            )
        return await asyncio.to_thread(part.publish, self._path(sha256))


class _Part:
    """A file on its way in, and the hash of what has arrived."""

    def __init__(self, path: Path, stream: io.FileIO) -> None:
        self.path = path
        self.stream = stream
        self.size_bytes = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def append(self, block: bytes) -> None:
        unwritten = memoryview(block)
        while unwritten:  # a write without a buffer may take a part only
            unwritten = unwritten[self.stream.write(unwritten) :]
        self._digest.update(block)
        self.size_bytes += len(block)

    def publish(self, target: Path) -> Stored:
        """Make the bytes durable, then visible, then make that durable."""
        os.fsync(self.stream.fileno())
        created = not target.exists()
        # Also over an existing file: the same bytes, and a file that rotted is whole again.
        self.path.replace(target)
        sync_folder(target.parent)
        return Stored(self.size_bytes, created)


def _new_part(incoming: Path) -> _Part:
    try:
        descriptor, name = tempfile.mkstemp(dir=incoming)
    except OSError as error:
        raise ArtifactsUnavailableError(str(error)) from error
    return _Part(Path(name), io.FileIO(descriptor, "w"))


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


def _try_write(incoming: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=incoming) as stream:
            stream.write(b"\0")
    except OSError:
        return False
    return True


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    # A network chunk is a few KiB: writing each in a thread of its own would cost more than it.
    gathered = bytearray()
    async for chunk in chunks:
        gathered += chunk
        if len(gathered) >= _BLOCK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _size_bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactsUnavailableError(str(error)) from error
