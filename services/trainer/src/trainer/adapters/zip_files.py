"""Unpacks a ZIP file of pictures that somebody else made."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from trainer.adapters.bundle_folder import replaced

_MAX_BYTES = 50_000_000_000
_MAX_FILES = 1_000_000
_UNIX_MODE = 16


class ArchiveError(OSError):
    """The file is no archive that may be unpacked; the message says why."""


def unpack_zip(path: Path) -> Path:
    """Unpack beside the file, into a folder of its name without suffix, wholly or not at all.

    Raises ArchiveError: no ZIP file, damaged, members that lead outside or are links, too large.
    """
    target = path.with_suffix("")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check(members)
            with replaced(target) as folder:
                for member in members:
                    archive.extract(member, folder)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise ArchiveError(f"{path.name} cannot be unpacked: {error}") from error
    return target


def _check(members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in str(name):
            raise ArchiveError(f"the archive holds a path that leads outside: {member.filename!r}")
        if stat.S_ISLNK(member.external_attr >> _UNIX_MODE):
            raise ArchiveError(f"the archive holds a link: {member.filename!r}")
    size = sum(member.file_size for member in members)
    if size > _MAX_BYTES or len(members) > _MAX_FILES:
        raise ArchiveError(f"the archive would unpack to {size:,} bytes in {len(members):,} files")
