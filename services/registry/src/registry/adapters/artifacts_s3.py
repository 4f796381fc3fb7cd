"""Artifacts in S3: `artifacts/<sha256>`, sent once all bytes are here and are the right ones."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from registry.adapters.bucket import Bucket
from registry.adapters.incoming import Incoming
from registry.core.refusals import Refuse
from registry.ports import ArtifactsUnavailableError, Stored

_BLOCK_BYTES = 1024 * 1024


class S3Artifacts:
    """An Artifacts port over a bucket. Several registries may use it at once.

    folder: for what arrives, of this process alone. max_bytes: largest artifact taken.
    """

    def __init__(self, bucket: Bucket, folder: Path, *, max_bytes: int) -> None:
        self._bucket = bucket
        self._incoming = Incoming(folder, max_bytes=max_bytes)

    def prepare(self) -> None:
        """Make the folder, and drop what a killed process left unfinished. Raises OSError."""
        self._incoming.prepare()

    async def store(self, sha256: str, chunks: AsyncIterator[bytes]) -> Stored | Refuse:
        """Take the bytes in, whole or not at all; see the port."""
        async with self._incoming.received(sha256, chunks) as part:
            if isinstance(part, Refuse):
                return part
            created = await self.size_bytes(sha256) is None
            # Also over an existing object: the same bytes, and one that was cut is whole again.
            await self._bucket.put_file(_key(sha256), part.path)
            return Stored(part.size_bytes, created)

    async def size_bytes(self, sha256: str) -> int | None:
        """Give the size of a stored artifact; None if there is none."""
        return await self._bucket.size_bytes(_key(sha256))

    async def read(self, sha256: str, first: int = 0) -> AsyncIterator[bytes]:
        """Stream a stored artifact from byte `first` on; see the port.

        A request a block: whoever reads slowly holds no connection to the bucket open.
        """
        size_bytes = await self.size_bytes(sha256)
        if size_bytes is None:
            raise ArtifactsUnavailableError("S3 has no such artifact")
        while first < size_bytes:
            block = await self._bucket.load_part(_key(sha256), first, _BLOCK_BYTES)
            if not block:
                raise ArtifactsUnavailableError("S3 gave less than it has")
            yield block
            first += len(block)

    async def load(self, sha256: str) -> bytes:
        """Give the bytes of a small artifact; see the port."""
        content = await self._bucket.load(_key(sha256))
        if content is None:
            raise ArtifactsUnavailableError("S3 has no such artifact")
        return content

    async def remove(self, sha256: str, before_ms: int) -> bool:
        """Delete an artifact if it was stored before then; see the port."""
        stored_at_ms = await self._bucket.stored_at_ms(_key(sha256))
        if stored_at_ms is None:
            return True
        if stored_at_ms >= before_ms:
            return False
        await self._bucket.remove(_key(sha256))
        return True

    async def is_available(self) -> bool:
        """Tell whether the bucket answers, and whether what arrives can be written."""
        is_writable = await asyncio.to_thread(self._incoming.is_writable)
        return await self._bucket.is_available() and is_writable


def _key(sha256: str) -> str:
    return f"artifacts/{sha256}"
