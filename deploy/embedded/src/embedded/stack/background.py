"""`up` in the background: in a session of its own, awaited until the stack is ready."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from embedded.errors import BackgroundError
from embedded.stack.lock import already_running, hold_lock
from embedded.stack.ready_notice import READY, VARIABLE
from embedded.stack.reporter import Reporter
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import Supervisord
from embedded.stack.up import close_data_folder

UP = (sys.executable, "-m", "embedded", "up")
LOG = "up.log"
_POLL_S = 0.2


def up_in_background(
    settings: StackSettings, reporter: Reporter, command: Sequence[str] = UP
) -> None:
    """Start the stack, report as `up` does until it is ready, and leave it running.

    Raises BackgroundError after what `up` reported, if it ended before it was ready, and
    AlreadyRunningError, without a child, if a stack has the data folder.
    """
    close_data_folder(settings, reporter)
    with hold_lock(settings.data):
        if Supervisord(settings.data).is_running():
            raise already_running(settings.data)
    settings.logs.mkdir(parents=True, exist_ok=True)
    path = settings.logs / LOG
    with path.open("ab") as log, path.open("rb") as printed, _notices() as (notices, address):
        printed.seek(0, os.SEEK_END)
        child = subprocess.Popen(  # noqa: S603 - `up` of this package
            command,
            env={**os.environ, VARIABLE: address},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a closed terminal ends its own session only
        )
        try:
            is_ready = _report_until_ready(child, notices, printed, reporter)
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
            is_ready = False
    if not is_ready:
        raise BackgroundError(path)
    reporter.say(f"It runs in the background. Logs: {path.parent}")


def _report_until_ready(
    child: subprocess.Popen[bytes], notices: socket.socket, printed: BinaryIO, reporter: Reporter
) -> bool:
    """Report what `up` prints until it is ready or has ended; return whether it is ready."""
    while True:
        has_ended = child.poll() is not None  # looked at before its last lines are read
        is_ready = not has_ended and _is_notified(notices)
        text = printed.read().decode(errors="replace").rstrip("\n")
        if text:
            reporter.say(text)
        if has_ended or is_ready:
            return is_ready


def _is_notified(notices: socket.socket) -> bool:
    try:
        return READY in notices.recv(4096).splitlines()
    except TimeoutError:
        return False


@contextmanager
def _notices() -> Iterator[tuple[socket.socket, str]]:
    """Give a socket for the notice and its address, in a short path: those are limited."""
    with (
        tempfile.TemporaryDirectory(prefix="pneumo-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
    ):
        address = str(Path(folder) / "ready")
        receiver.bind(address)
        receiver.settimeout(_POLL_S)
        yield receiver, address
