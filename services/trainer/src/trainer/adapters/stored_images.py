"""Pictures on disk under the sha256 of their bytes; nothing lies there that is not what it says."""

import hashlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path


class StoredImages:
    """One file a picture, in folders of the first two digits; whole or absent."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Sequence[str]:
        """List what is there, sorted."""
        return sorted(path.name for path in self._root.glob("??/*") if not path.suffix)

    def read(self, name: str) -> bytes:
        """Give one picture's bytes."""
        return self._path(name).read_bytes()

    def has(self, name: str) -> bool:
        """Say whether a picture is there."""
        return self._path(name).exists()

    def store(self, name: str, content: bytes) -> bool:
        """Keep a picture, unless its bytes are not those of its name; say whether they are."""
        if hashlib.sha256(content).hexdigest() != name:
            return False
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)  # of a write that failed, on a disk that may be full
        return True

    def keep_only(self, names: Collection[str]) -> None:
        """Forget every other picture."""
        for name in set(self.names()) - set(names):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name
