"""One `up` a data folder: a lock that the kernel frees however its holder ends."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.errors import AlreadyRunningError, SupervisorError

_NAME = "up.lock"
_POLL_S = 0.1
_STOP_TIMEOUT_S = 90.0


@contextmanager
def hold_lock(data: Path) -> Iterator[None]:
    """Hold the data folder for this process. Raises AlreadyRunningError if another `up` has it."""
    with (data / _NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise already_running(data) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def already_running(data: Path) -> AlreadyRunningError:
    """Give the error for a second stack over the same data."""
    return AlreadyRunningError(
        f"A stack of {data} runs already: see it with make status, stop it with make down."
    )


def stop_holder(data: Path) -> bool:
    """Ask the `up` that holds the folder to stop, and wait until it has; give whether one did.

    Raises SupervisorError if it has not stopped within 90 s.
    """
    if not _is_held(data):
        return False
    os.kill(int((data / _NAME).read_text()), signal.SIGTERM)
    give_up = time.monotonic() + _STOP_TIMEOUT_S
    while _is_held(data):
        if time.monotonic() > give_up:
            raise SupervisorError(f"The running stack did not stop within {_STOP_TIMEOUT_S:.0f} s.")
        time.sleep(_POLL_S)
    return True


def _is_held(data: Path) -> bool:
    try:
        with (data / _NAME).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
