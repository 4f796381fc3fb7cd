"""Pictures of a folder and of the uploads, by name."""

from collections.abc import Sequence

from trainer.adapters.image_folder import ImageFolder
from trainer.adapters.stored_images import StoredImages


class MergedImages:
    """Uploads are named by their sha256, which no file of a folder of class folders is."""

    def __init__(self, folder: ImageFolder, uploads: StoredImages) -> None:
        self._folder = folder
        self._uploads = uploads

    def names(self) -> Sequence[str]:
        """List the pictures of both."""
        return [*self._folder.names(), *self._uploads.names()]

    def read(self, name: str) -> bytes:
        """Give one picture's bytes."""
        return self._folder.read(name) if "/" in name else self._uploads.read(name)
