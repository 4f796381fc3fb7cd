"""A folder of labelled pictures on disk, and further folders that hold one class each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

_SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})


class ImageFolder:
    """Reads pictures under a root, in an order that does not depend on the file system.

    further: class → folder; its pictures are named as if they lay under the root, in a folder of
    the class's name. Raises FileExistsError where the root has such a folder itself.
    """

    def __init__(self, root: Path, further: Mapping[str, Path] | None = None) -> None:
        self._root = root
        self._further = dict(further or {})
        for label in self._further:
            if (root / label).exists():
                raise FileExistsError(f"{root} already holds a folder {label}")

    def names(self) -> Sequence[str]:
        """List the picture files, relative, with forward slashes, sorted."""
        beside = (
            f"{label}/{name}" for label, root in self._further.items() for name in _pictures(root)
        )
        return sorted([*_pictures(self._root), *beside])

    def read(self, name: str) -> bytes:
        """Give one file's bytes."""
        label, _, rest = name.partition("/")
        if label in self._further:
            return (self._further[label] / rest).read_bytes()
        return (self._root / name).read_bytes()


def _pictures(root: Path) -> list[str]:
    return [
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    ]
