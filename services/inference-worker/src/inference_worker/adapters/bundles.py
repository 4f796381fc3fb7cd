"""Bundles from the registry, kept on disk, so that a worker starts with the registry down."""

import os
import shutil
from pathlib import Path

import structlog
from pydantic import ValidationError

from inference_worker.ports import ModelRefusedError, ModelUnavailableError
from shared.bundle_files import BundleError
from shared.contracts.models import ModelRecord
from shared.registry_client import ModelNotFoundError, RegistryClient, RegistryError

_log = structlog.get_logger(__name__)
_CURRENT_FILE = "current.json"


class CachedBundles:
    """Fetches bundles into `folder`, keeps the last `keep`, remembers which was current."""

    def __init__(self, registry: RegistryClient, folder: Path, *, keep: int = 3) -> None:
        self._registry = registry
        self._folder = folder
        self._keep = keep

    async def current(self) -> tuple[ModelRecord, Path]:
        """Ask the registry; if it cannot be reached, use what was current last."""
        try:
            record = await self._registry.current_model()
            return record, await self._download(record)
        except (RegistryError, ModelNotFoundError) as error:
            remembered = self._remembered()
            if remembered is None:
                raise ModelUnavailableError(str(error)) from error
            _log.warning("registry away, using the cached model", error=str(error))
            return remembered
        except BundleError as error:
            raise ModelUnavailableError(str(error)) from error

    async def announced(self) -> ModelRecord:
        """Ask the registry which model is current. Raises ModelUnavailableError."""
        try:
            return await self._registry.current_model()
        except (RegistryError, ModelNotFoundError) as error:
            raise ModelUnavailableError(str(error)) from error

    async def fetch(self, version: str) -> tuple[ModelRecord, Path]:
        """Get one version. Raises ModelUnavailableError, ModelRefusedError."""
        try:
            record = await self._registry.model(version)
            return record, await self._download(record)
        except (RegistryError, ModelNotFoundError) as error:
            raise ModelUnavailableError(str(error)) from error
        except BundleError as error:
            raise ModelRefusedError(str(error)) from error

    def remember(self, record: ModelRecord) -> None:
        """Note what is served now, and drop bundles older than the last `keep`."""
        part = self._folder / f"{_CURRENT_FILE}.part"
        part.write_bytes(record.to_bytes())
        part.replace(self._folder / _CURRENT_FILE)
        os.utime(self._folder / record.bundle_sha256)
        bundles = [path for path in self._folder.iterdir() if path.is_dir()]
        for old in sorted(bundles, key=lambda p: p.stat().st_mtime, reverse=True)[self._keep :]:
            shutil.rmtree(old, ignore_errors=True)

    async def _download(self, record: ModelRecord) -> Path:
        try:
            return await self._registry.download_bundle(record, self._folder)
        except BundleError:
            # What is on disk is damaged: nothing of it may be trusted for the next try.
            shutil.rmtree(self._folder / record.bundle_sha256, ignore_errors=True)
            raise

    def _remembered(self) -> tuple[ModelRecord, Path] | None:
        try:
            record = ModelRecord.model_validate_json((self._folder / _CURRENT_FILE).read_bytes())
        except (OSError, ValidationError):
            return None
        bundle = self._folder / record.bundle_sha256
        return (record, bundle) if bundle.is_dir() else None
