"""The images that are sent: a folder of small ones, a folder of large ones, or the user's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.compare.records import LARGE, SMALL

MOST = 200
"""Images of a folder that are used, in the order of their names, spread over all of it."""

_SHARED = Path("../shared/data")
DEFAULT_FOLDERS = {SMALL: _SHARED / "chest_xray_224" / "test", LARGE: _SHARED / "full_size"}


@dataclass(frozen=True, slots=True)
class Payload:
    """A kind of image."""

    name: str
    paths: tuple[Path, ...]


def find_payloads(folder: Path | None, names: tuple[str, ...]) -> tuple[Payload, ...]:
    """Find the JPEG files of each kind; one kind, named like the folder, if a folder is given.

    Raises SystemExit with a sentence if a folder holds none.
    """
    folders: Mapping[str, Path] = {folder.name: folder} if folder else DEFAULT_FOLDERS
    wanted = folders if folder else {name: folders[name] for name in names}
    return tuple(Payload(name, _jpegs(place)) for name, place in wanted.items())


def _jpegs(folder: Path) -> tuple[Path, ...]:
    paths = sorted(path.resolve() for path in folder.rglob("*.jp*g"))
    if not paths:
        raise SystemExit(f"{folder} holds no JPEG files: name a folder that does with DATA=.")
    return tuple(paths[:: max(1, len(paths) // MOST)][:MOST])
