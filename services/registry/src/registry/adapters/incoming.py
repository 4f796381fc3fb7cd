"""Files on their way in: written aside and hashed while they arrive, so never seen half-written."""

import asyncio
import hashlib
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from registry.core.refusals import Refuse, RegistryCode
from registry.ports import ArtifactsUnavailableError
from shared.contracts.errors import ErrorCode

_BLOCK_BYTES = 1024 * 1024


class Part:
    """A file on its way in, and the hash of what has arrived."""

    def __init__(self, path: Path, stream: io.FileIO) -> None:
        self.path = path
        self.stream = stream
        self.size_bytes = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Give the hash of what has arrived."""
        return self._digest.hexdigest()

    def append(self, block: bytes) -> None:
        """Write a block behind the others. Raises OSError."""
        unwritten = memoryview(block)
        while unwritten:  # a write without a buffer may take a part only
            unwritten = unwritten[self.stream.write(unwritten) :]
        self._digest.update(block)
        self.size_bytes += len(block)


class Incoming:
    """A folder of files on their way in, which no other process writes to.

    max_bytes: largest file taken.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def prepare(self) -> None:
        """Make the folder, and drop what a killed process left unfinished. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for unfinished in self._folder.iterdir():
            unfinished.unlink()

    @asynccontextmanager
    async def received(
        self, sha256: str, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[Part | Refuse]:
        """Take the bytes in; where they are not moved away within, they are gone behind it.

        Refuses TOO_LARGE and CHECKSUM_MISMATCH. Raises ArtifactsUnavailableError for every OSError.
        """
        # Not in a thread: a request cancelled meanwhile would leave the file to nobody.
        part = _new_part(self._folder)
        try:
            yield await self._receive(part, sha256, chunks) or part
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error
        finally:
            part.path.unlink(missing_ok=True)
            part.stream.close()

    def is_writable(self) -> bool:
        """Tell whether a file can be written now."""
        try:
            with tempfile.TemporaryFile(dir=self._folder) as stream:
                stream.write(b"\0")
        except OSError:
            return False
        return True

    async def _receive(
        self, part: Part, sha256: str, chunks: AsyncIterator[bytes]
    ) -> Refuse | None:
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
        return None


def _new_part(folder: Path) -> Part:
    try:
        descriptor, name = tempfile.mkstemp(dir=folder)
    except OSError as error:
        raise ArtifactsUnavailableError(str(error)) from error
    return Part(Path(name), io.FileIO(descriptor, "w"))


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
