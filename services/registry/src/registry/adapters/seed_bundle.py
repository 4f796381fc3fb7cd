"""A bundle in a folder on this machine, checked before a byte of it is believed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from registry.ports import StartError
from shared.bundle_files import BundleError, verify_bundle
from shared.contracts.bundle import MANIFEST_FILE

_CHUNK_BYTES = 1024 * 1024


class FolderBundle:
    """A SeedSource over a verified folder."""

    def __init__(self, folder: Path, manifest_bytes: bytes) -> None:
        self._folder = folder
        self._manifest_bytes = manifest_bytes

    @property
    def manifest_bytes(self) -> bytes:
        """Give the manifest as it lies on disk."""
        return self._manifest_bytes

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """Stream one of the files that the manifest lists."""
        with await asyncio.to_thread((self._folder / name).open, "rb") as stream:
            while chunk := await asyncio.to_thread(stream.read, _CHUNK_BYTES):
                yield chunk


def open_seed_bundle(folder: Path) -> FolderBundle:
    """Verify the whole bundle. Raises StartError, in one sentence."""
    try:
        verify_bundle(folder)
        return FolderBundle(folder, (folder / MANIFEST_FILE).read_bytes())
    except (BundleError, OSError) as error:
        raise StartError(f"The seed bundle cannot be used: {error}") from error
