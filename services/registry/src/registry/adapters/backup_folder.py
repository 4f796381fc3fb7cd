"""A folder that is a backup: not there, or whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.adapters.durable import sync_folder
from registry.ports import BackupError

DATABASE = "registry.db"
"""As in a data folder, so that a backup can be served as it lies there."""


@contextmanager
def new_backup_folder(to: Path) -> Iterator[Path]:
    """Give a folder to fill, and rename it to `to` at the end; after an error nothing is left.

    Only its owner may look into it: it will hold radiographs. Raises BackupError, OSError.
    """
    partial = to.with_name(f"{to.name}.partial")
    if to.exists():
        raise BackupError(f"{to} exists already: name a folder that does not.")
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.mkdir(mode=0o700)
    except FileExistsError:
        raise BackupError(
            f"{partial} is of a backup that still runs or was killed: delete it if none runs."
        ) from None
    try:
        yield partial
        sync_folder(partial)
        partial.rename(to)
        sync_folder(to.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def database_copy(folder: Path, beside: Path) -> Iterator[Path]:
    """Give a copy of a backup's database, to be migrated; it lies in `beside` meanwhile.

    Raises BackupError, OSError.
    """
    database = folder / DATABASE
    if not database.is_file():
        raise BackupError(f"{folder} is no backup: it holds no {DATABASE}.")
    scratch = beside / ".restoring"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    try:
        # And what SQLite had not yet put into it, if a folder that was served is restored.
        for part in (database, database.with_name(f"{DATABASE}-wal")):
            if part.exists():
                shutil.copyfile(part, scratch / part.name)
        yield scratch / database.name
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
