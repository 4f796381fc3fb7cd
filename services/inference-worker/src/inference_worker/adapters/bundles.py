"""Bundles from the registry, kept on disk, so that a worker starts with the registry down."""

import errno
import os
import shutil
from collections.abc import Collection
from pathlib import Path

import structlog
from pydantic import ValidationError

from inference_worker.ports import CacheFailedError, ModelRefusedError, ModelUnavailableError
from shared.bundle_files import BundleError, InvalidManifestError
from shared.contracts.models import ModelRecord, RefusalCode
from shared.observability.error_words import kind_of
from shared.registry_client import ModelNotFoundError, RegistryClient, RegistryError

_log = structlog.get_logger(__name__)
_CURRENT_FILE = "current.json"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class CachedBundles:
    """Fetches bundles into `folder`, keeps the last `keep`, remembers which was served last."""

    def __init__(self, registry: RegistryClient, folder: Path, *, keep: int = 3) -> None:
        self._registry = registry
        self._folder = folder
        self._keep = keep

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

    def remembered(self) -> tuple[ModelRecord, Path] | None:
        """Give the model that was served last, if its bundle is still here."""
        try:
            record = ModelRecord.model_validate_json((self._folder / _CURRENT_FILE).read_bytes())
            bundle = self._folder / record.bundle_sha256
            return (record, bundle) if bundle.is_dir() else None
        except (OSError, ValidationError):
            return None

    def remember(self, record: ModelRecord) -> None:
        """Note what is served now, and drop bundles older than the last `keep`.

        Raises CacheFailedError; what was remembered before then still is.
        """
        part = self._folder / f"{_CURRENT_FILE}.part"
        try:
            os.utime(self._folder / record.bundle_sha256)
            self._prune(self._keep, protected=self._protected(record))
            with part.open("wb") as stream:
                stream.write(record.to_bytes())
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(self._folder / _CURRENT_FILE)
        except OSError as error:
            _remove_file(part)
            raise CacheFailedError(kind_of(error)) from error

    async def _download(self, record: ModelRecord) -> Path:
        bundle = self._folder / record.bundle_sha256
        try:
            # Bundles that were refused, or left half-fetched, are never remembered: without this
            # they would stay until some later model is served.
            self._prune(self._keep, protected=self._protected(record))
            return await self._registry.download_bundle(record, self._folder)
        except InvalidManifestError as error:
            raise ModelRefusedError(RefusalCode.INVALID, str(error)) from error
        except BundleError as error:
            # What is on disk is damaged: nothing of it may be trusted for the next try.
            shutil.rmtree(bundle, ignore_errors=True)
            raise ModelRefusedError(RefusalCode.DAMAGED, str(error)) from error
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._make_room()
            raise ModelRefusedError(RefusalCode.CACHE_FAILED, kind_of(error)) from error

    def _make_room(self) -> None:
        """Drop every bundle but the remembered one, above all the one that did not fit."""
        try:
            self._prune(0, protected=self._protected())
        except OSError as error:
            _log.warning("cache not cleared", error=kind_of(error))

    def _protected(self, *records: ModelRecord) -> Collection[str]:
        remembered = self.remembered()
        kept = [*records] if remembered is None else [*records, remembered[0]]
        return {record.bundle_sha256 for record in kept}

    def _prune(self, keep: int, *, protected: Collection[str]) -> None:
        """Drop the oldest bundles beyond `keep`, the protected ones counted. Raises OSError."""
        if not self._folder.is_dir():
            return
        bundles = [path for path in self._folder.iterdir() if path.is_dir()]
        others = [path for path in bundles if path.name not in protected]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[max(0, keep - len(protected)) :]:
            shutil.rmtree(old, ignore_errors=True)


def _remove_file(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("partial file not removed", error=kind_of(error))
