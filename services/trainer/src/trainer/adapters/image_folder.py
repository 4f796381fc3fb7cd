"""A folder of labelled pictures on disk."""

from collections.abc import Sequence
from pathlib import Path

_SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})


class ImageFolder:
    """Reads pictures under a root, in an order that does not depend on the file system."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Sequence[str]:
        """List the picture files, relative, with forward slashes, sorted."""
        return sorted(
            path.relative_to(self._root).as_posix()
            for path in self._root.rglob("*")
            if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
        )

    def read(self, name: str) -> bytes:
        """Give one file's bytes."""
        return (self._root / name).read_bytes()
