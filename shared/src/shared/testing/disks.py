"""A disk that is too small, for tests of what a full one does."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_MIB = 1024 * 1024


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[Callable[[int], str]]:
    """Make `folder` a disk of that size; the folder and all on it is gone afterwards.

    Gives a function to be called with the id of each process that writes there, which returns what
    bounds it: a tmpfs, or, where mounting is not permitted, a limit on the size of its files. The
    limit knows nothing of the other files: the file that shall not fit must be the larger one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={size_mib}m"]
    if not _succeeds("mount", *options, "pneumo-test", str(folder)):
        yield lambda pid: _limit_files(pid, size_mib)
        return
    try:
        yield lambda _pid: "a full tmpfs"
    finally:
        _succeeds("umount", "--lazy", str(folder))


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603
    except FileNotFoundError:
        return False


def _limit_files(pid: int, size_mib: int) -> str:
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_mib * _MIB, most))
    return f"RLIMIT_FSIZE of {size_mib} MiB"
