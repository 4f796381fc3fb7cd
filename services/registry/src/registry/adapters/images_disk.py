"""The dataset on disk: `<aa>/<sha256>`, written aside and renamed, so never seen half-written."""

import asyncio
import os
import tempfile
from pathlib import Path

from registry.adapters.durable import sync_folder
from registry.ports import ArtifactsUnavailableError


class DiskImages:
    """An ImageFiles port over one folder, which no other process writes to.

    max_bytes: of all files together; beyond it the disk counts as full.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._incoming = folder / ".incoming"
        self._max_bytes = max_bytes
        self._size_bytes = 0

    def prepare(self) -> None:
        """Make the folders, drop what a killed process left, measure the rest. Raises OSError."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        for unfinished in self._incoming.iterdir():
            unfinished.unlink()
        shards = [self._folder / f"{number:02x}" for number in range(256)]
        for shard in shards:
            shard.mkdir(exist_ok=True)
        sync_folder(self._folder)
        self._size_bytes = sum(file.stat().st_size for shard in shards for file in shard.iterdir())

    async def store(self, sha256: str, content: bytes) -> None:
        """Make a file durable and visible, whole or not at all; see the port."""
        try:
            await asyncio.to_thread(self._store, sha256, content)
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error

    async def remove(self, sha256: str) -> None:
        """Delete a file; nothing happens where there is none."""
        try:
            await asyncio.to_thread(self._remove, self.path(sha256))
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error

    async def load(self, sha256: str) -> bytes | None:
        """Give a file's bytes as they lie there; None where there is none."""
        try:
            return await asyncio.to_thread(self.path(sha256).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error

    def path(self, sha256: str) -> Path:
        """Tell where a file lies, or would."""
        return self._folder / sha256[:2] / sha256

    def _store(self, sha256: str, content: bytes) -> None:
        target = self.path(sha256)
        before = target.stat().st_size if target.exists() else 0
        if before != len(content):
            after = self._size_bytes - before + len(content)
            if after > self._max_bytes:
                raise ArtifactsUnavailableError(f"the dataset has its {self._max_bytes} bytes")
            self._write(target, content)
            self._size_bytes = after
        # Also where it was there: whoever wrote it may have been killed before this.
        sync_folder(target.parent)

    def _write(self, target: Path, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _remove(self, path: Path) -> None:
        if path.exists():
            size_bytes = path.stat().st_size
            path.unlink()
            self._size_bytes -= size_bytes
            sync_folder(path.parent)
