"""Which files a person means."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pneumo.errors import PneumoError

SUFFIXES = frozenset(
    (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".dcm", ".dicom")
)
"""What is taken from a folder; a file that is named is taken whatever it is called."""


def find_images(arguments: Iterable[str]) -> list[Path]:
    """Give files that are named, those of folders and below, and those that globs fit; once each.

    Raises PneumoError if one of the arguments is nothing, or holds nothing.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        images = dict.fromkeys(_images_of(argument))
        found |= images
        if not images:
            raise PneumoError(f"{argument}: there is no image.")
    return list(found)


def _images_of(argument: str) -> Iterator[Path]:
    path = Path(argument)
    if path.is_dir():
        yield from _below(path)
    elif path.is_file():
        yield path
    else:
        for match in sorted(glob.iglob(argument, recursive=True)):  # noqa: PTH207  as shells do
            if Path(match).is_file():
                yield Path(match)


def _below(folder: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(at) / name
