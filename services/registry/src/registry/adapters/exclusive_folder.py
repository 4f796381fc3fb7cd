"""One registry a data folder: the lock goes with the process, however it ends."""

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.ports import StartError


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make `folder` and keep every other registry out of it. Raises StartError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "registry.lock").open("wb")
    except OSError as error:
        raise StartError(f"The data folder {folder} cannot be used: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(f"Another registry already uses {folder}.") from error
        yield


def holder_of(folder: Path) -> str:
    """Name the registry that holds `folder`: the same after a new start, and no other's."""
    return f"{socket.gethostname()}:{folder.absolute()}"


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
