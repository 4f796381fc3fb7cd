"""One registry a data folder: the lock goes with the process, however it ends."""

import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.ports import StartError

_IDENTITY = "registry.id"


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make `folder` and keep every other registry out of it. Raises StartError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "registry.lock").open("wb")
    except OSError as error:
        raise StartError(f"The data folder {folder} cannot be used: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(f"Another registry already uses {folder}.") from error
        try:
            _ensure_identity(folder / _IDENTITY)
        except OSError as error:
            raise StartError(f"The data folder {folder} cannot be used: {error.strerror}.") from (
                error
            )
        yield


def holder_of(folder: Path) -> str:
    """Name the registry whose folder was held: the same after a new start, and no other's.

    Kept in the folder, because two machines may have one name, and use one path. Raises StartError.
    """
    try:
        return (folder / _IDENTITY).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{folder / _IDENTITY} cannot be read.") from error


def _ensure_identity(file: Path) -> None:
    if file.exists() and file.stat().st_size > 0:
        return
    # The host is for people to read: it may be called otherwise at the next start.
    identity = f"{socket.gethostname()}-{uuid.uuid4()}"
    part = file.with_name(f"{file.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(f"{identity}\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


@contextmanager
def hold_still(folder: Path) -> Iterator[None]:
    """Keep every registry out of a folder that is only read. Raises StartError."""
    lock_file = folder / "registry.lock"
    if not lock_file.exists():  # no registry has ever served it
        yield
        return
    with lock_file.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(f"A registry uses {folder}: back it up, and restore that.") from error
        yield
