"""The dataset on disk: `<aa>/<sha256>`, written aside and renamed, so never seen half-written."""

import asyncio
import os
import tempfile
from pathlib import Path

from registry.adapters.durable import sync_folder
from registry.ports import ArtifactsUnavailableError


class DiskImages:
    """An ImageFiles port over one folder, which no other process writes to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / ".incoming"

    def prepare(self) -> None:
        """Make the folders, and drop what a killed process left unfinished. Raises OSError."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        for unfinished in self._incoming.iterdir():
            unfinished.unlink()
        for number in range(256):
            (self._folder / f"{number:02x}").mkdir(exist_ok=True)
        sync_folder(self._folder)

    async def store(self, sha256: str, content: bytes) -> None:
        """Make a file durable and visible, whole or not at all; see the port."""
        try:
            await asyncio.to_thread(self._store, sha256, content)
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error

    async def remove(self, sha256: str) -> None:
        """Delete a file; nothing happens where there is none."""
        try:
            await asyncio.to_thread(_remove, self._path(sha256))
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error

    async def load(self, sha256: str) -> bytes | None:
        """Give a file's bytes as they lie there; None where there is none."""
        try:
            return await asyncio.to_thread(self._path(sha256).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArtifactsUnavailableError(str(error)) from error

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _store(self, sha256: str, content: bytes) -> None:
        target = self._path(sha256)
        if not target.exists() or target.stat().st_size != len(content):
            self._write(target, content)
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


def _remove(path: Path) -> None:
    if path.exists():
        path.unlink()
        sync_folder(path.parent)
