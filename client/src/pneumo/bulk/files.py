"""Find the images among files, folders and globs, by name or by their first bytes."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pneumo.errors import PneumoError

SUFFIXES = frozenset(
    (
        *(".jpeg", ".jpg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib"),
        *(".tif", ".tiff", ".gif", ".dcm", ".dicom"),
    )
)
"""File endings that are taken without a look at the bytes."""

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"GIF8")
_WEBP = (b"RIFF", b"WEBP")
_DICOM, _DICOM_AT = b"DICM", 128
_HEAD_BYTES = _DICOM_AT + len(_DICOM)
_LITTER = frozenset(("thumbs.db", "desktop.ini", "dicomdir", "__macosx"))
"""What operating systems and DICOM media put beside images; skipped without a message."""


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """images: once each, in order. skipped: files below a folder that are no images."""

    images: tuple[Path, ...]
    skipped: tuple[Path, ...]


def find_images(arguments: Iterable[str]) -> FoundFiles:
    """Return the files that are named, those below folders, and those that globs match.

    A file that is named is taken whatever it contains; below a folder a file is taken by its
    ending or its first bytes. Links to folders are followed, each folder once.
    Raises PneumoError if an argument does not exist or contains no image.
    """
    images: dict[Path, None] = {}
    skipped: dict[Path, None] = {}
    for argument in arguments:
        taken = 0
        for path, is_image in _files_of(argument):
            taken += is_image
            (images if is_image else skipped)[path] = None
        if not taken:
            raise PneumoError(_nothing_found(argument))
    return FoundFiles(tuple(images), tuple(skipped))


def is_image(path: Path) -> bool:
    """Return whether the ending or the first bytes of a file are those of an image."""
    return path.suffix.lower() in SUFFIXES or _has_image_signature(path)


def is_litter(name: str) -> bool:
    """Return whether a file or folder is hidden or put there by an operating system."""
    return name.startswith(".") or name.lower() in _LITTER


def printable_path(path: Path) -> str:
    """Return a path as valid Unicode; bytes that are not UTF-8 become escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _files_of(argument: str) -> Iterator[tuple[Path, bool]]:
    path = Path(argument)
    if path.is_dir():
        yield from ((below, is_image(below)) for below in walk_files(path))
    elif path.is_file():
        yield path, True
    else:
        for match in sorted(glob.iglob(argument, recursive=True)):  # noqa: PTH207  as shells do
            if Path(match).is_file():
                yield Path(match), True


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, sorted, without litter; links are followed, loops cut."""
    seen: set[tuple[int, int]] = set()
    for at, folders, names in os.walk(folder, followlinks=True):
        about = Path(at).stat()
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = sorted(name for name in folders if not is_litter(name))
        yield from (Path(at) / name for name in sorted(names) if not is_litter(name))


def _has_image_signature(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    is_webp = head.startswith(_WEBP[0]) and head[8:12] == _WEBP[1]
    return head.startswith(_SIGNATURES) or is_webp or head[_DICOM_AT:] == _DICOM


def _nothing_found(argument: str) -> str:
    path = Path(argument)
    if path.is_dir():
        return f"{argument}: the folder contains no image."
    if path.exists():
        return f"{argument}: not a regular file."
    return f"{argument}: no such file or folder."
