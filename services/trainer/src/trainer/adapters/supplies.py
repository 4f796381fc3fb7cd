"""What a training needs from the registry, on this disk: the current bundle and the uploads."""

import asyncio
import shutil
from collections.abc import Collection
from pathlib import Path

from shared.bundle_files import BundleError
from shared.contracts.models import ModelRecord
from shared.control_client import ControlClient, RegistryUnavailableError
from shared.registry_client import RegistryClient, RegistryError
from trainer.adapters.stored_images import StoredImages
from trainer.ports import DamagedSupplyError


class RegistrySupplies:
    """Fetches what is missing and verifies it; keeps the bundle and the images of one job."""

    def __init__(self, registry: RegistryClient, control: ControlClient, folder: Path) -> None:
        self._registry = registry
        self._control = control
        self._bundles = folder / "bundles"
        self._images = StoredImages(folder / "images")
        self.images_folder = folder / "images"

    async def fetch_bundle(self, record: ModelRecord) -> Path:
        """Give the folder of a model's bundle; see the port."""
        try:
            bundle = await self._registry.download_bundle(record, self._bundles)
        except BundleError as error:
            # What is on disk is damaged: nothing of it may be trusted for the next try.
            shutil.rmtree(self._bundles / record.bundle_sha256, ignore_errors=True)
            raise DamagedSupplyError(str(error)) from error
        except RegistryError as error:
            raise RegistryUnavailableError(str(error)) from error
        for other in self._bundles.iterdir():
            if other != bundle:
                shutil.rmtree(other, ignore_errors=True)
        return bundle

    def missing(self, names: Collection[str]) -> list[str]:
        """Name the images that are not here, and forget those that are not named."""
        self._images.keep_only(names)
        return [name for name in names if not self._images.has(name)]

    async def fetch_image(self, sha256: str) -> None:
        """Fetch one image; see the port."""
        content = await self._control.image_bytes(sha256)
        if not await asyncio.to_thread(self._images.store, sha256, content):
            raise DamagedSupplyError(f"image {sha256} came with other bytes")
