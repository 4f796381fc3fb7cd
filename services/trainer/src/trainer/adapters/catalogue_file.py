"""The catalogue of public sets as TOML, and the lock of checksums met before."""

import json
import tomllib
from importlib.resources import files
from pathlib import Path

from trainer.core.catalogue import CatalogueEntry, CatalogueError, parse_catalogue

LOCK_FILE = "datasets.lock.json"


def read_catalogue(path: Path | None) -> dict[str, CatalogueEntry]:
    """Read a catalogue; None: the trainer's own. Raises OSError, CatalogueError."""
    content = (path or files("trainer") / "datasets.toml").read_text(encoding="utf-8")
    try:
        return parse_catalogue(tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"the catalogue is no TOML: {error}") from error


class ChecksumLock:
    """sha256 of every file downloaded into a folder, by address."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE

    def before(self, address: str) -> str | None:
        """Give the checksum of the first download, or None. Raises CatalogueError."""
        return self._read().get(address)

    def record(self, address: str, sha256: str) -> None:
        """Keep a checksum, atomically."""
        known = self._read() | {address: sha256}
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
        part.replace(self._path)

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        try:
            return {str(a): str(s) for a, s in json.loads(self._path.read_text()).items()}
        except (ValueError, AttributeError) as error:
            name = self._path.name
            raise CatalogueError(f"{name} is damaged; remove it to start anew") from error
