"""The registry as the other services see it, over HTTP."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from pydantic import ValidationError

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import MANIFEST_FILE, FileEntry
from shared.contracts.models import ModelRecord
from shared.internal_http import new_internal_client


class RegistryError(Exception):
    """The registry could not be reached, or did not answer as agreed; may pass."""


class ModelNotFoundError(Exception):
    """The registry has no such model version."""


class RegistryClient:
    """Reads models and fetches bundles; one connection pool for the life of a service."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def current_model(self) -> ModelRecord:
        """Give the promoted model. Raises RegistryError, ModelNotFoundError."""
        return await self._model("/v1/models/current")

    async def model(self, version: str) -> ModelRecord:
        """Give one version. Raises RegistryError, ModelNotFoundError."""
        return await self._model(f"/v1/models/{version}")

    async def download_bundle(self, record: ModelRecord, folder: Path) -> Path:
        """Fetch what is missing of a bundle into `folder`/<digest> and verify all of it.

        Files arrive under a temporary name, are resumed after an interruption, and are renamed
        only when their sha256 is right. Returns the bundle's directory.
        Raises RegistryError (may pass), BundleError (never will).
        """
        bundle = folder / record.bundle_sha256
        bundle.mkdir(parents=True, exist_ok=True)
        base = f"/v1/models/{record.version}/files"
        for name, entry in record.manifest.files.items():
            await self._fetch_file(f"{base}/{name}", bundle / name, entry)
        await self._fetch_manifest(f"{base}/{MANIFEST_FILE}", bundle, record.bundle_sha256)
        # Hashing and syncing take as long as several answers: never on the loop.
        await asyncio.to_thread(verify_bundle, bundle)
        return bundle

    async def _model(self, path: str) -> ModelRecord:
        try:
            response = await self._http.get(path)
            if response.status_code == httpx.codes.NOT_FOUND:
                raise ModelNotFoundError(path)
            response.raise_for_status()
            return ModelRecord.model_validate_json(response.content)
        except httpx.HTTPError as error:
            raise RegistryError(f"GET {path}: {error!r}") from error
        except ValidationError as error:
            raise RegistryError(f"GET {path}: no answer as agreed") from error

    async def _fetch_manifest(self, url: str, bundle: Path, sha256: str) -> None:
        try:
            response = (await self._http.get(url)).raise_for_status()
        except httpx.HTTPError as error:
            raise RegistryError(f"GET {url}: {error!r}") from error
        if hashlib.sha256(response.content).hexdigest() != sha256:
            raise RegistryError(f"GET {url}: the manifest is not the one announced")
        part = bundle / f"{MANIFEST_FILE}.part"
        part.write_bytes(response.content)
        part.replace(bundle / MANIFEST_FILE)

    async def _fetch_file(self, url: str, target: Path, entry: FileEntry) -> None:
        if _size_bytes(target) == entry.size_bytes:
            return  # verify_bundle has the last word on its content
        part = target.with_name(f"{target.name}.part")
        have = _size_bytes(part)
        if have >= entry.size_bytes:
            part.unlink(missing_ok=True)
            have = 0
        try:
            await self._stream(url, part, have, entry.size_bytes)
        except httpx.HTTPError as error:
            raise RegistryError(f"GET {url}: {error!r}") from error
        part.replace(target)

    async def _stream(self, url: str, part: Path, have: int, size_bytes: int) -> None:
        headers = {"Range": f"bytes={have}-"} if have else {}
        async with self._http.stream("GET", url, headers=headers) as response:
            response.raise_for_status()
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            left = size_bytes - have if resumed else size_bytes
            with part.open("ab" if resumed else "wb") as stream:
                async for chunk in response.aiter_bytes():
                    left -= len(chunk)
                    if left < 0:  # it must not fill the disk before its hash is looked at
                        raise RegistryError(f"GET {url}: longer than its manifest says")
                    stream.write(chunk)
                stream.flush()
                await asyncio.to_thread(os.fsync, stream.fileno())


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@asynccontextmanager
async def new_registry_client(
    url: str, *, timeout_s: float = 10.0
) -> AsyncIterator[RegistryClient]:
    """Open a client for the registry at `url` and close it afterwards."""
    async with new_internal_client(url, timeout_s=timeout_s) as http:
        yield RegistryClient(http)
