"""`forget`: delete all that a stack keeps, after a question, and never while it runs."""

import shutil
import sys
from pathlib import Path

from embedded.errors import AlreadyRunningError, DataFolderError
from embedded.stack.lock import hold_lock
from embedded.stack.orphans import find_orphans
from embedded.stack.reporter import Reporter
from embedded.stack.supervisord import Supervisord

_MARKS = ("up.lock", "kafka", "registry", "supervisord.conf")
"""At least one of these is in a folder that a stack has used; no other folder is deleted."""


def forget(data: Path, reporter: Reporter, *, is_confirmed: bool) -> None:
    """Delete the data folder.

    Raises AlreadyRunningError while a stack runs, DataFolderError without confirmation.
    """
    if not data.exists():
        reporter.say(f"There is no {data}.")
        return
    if not any((data / mark).exists() for mark in _MARKS):
        raise DataFolderError(f"{data} is not the data folder of a stack: nothing was deleted.")
    with hold_lock(data):
        if Supervisord(data).is_running() or find_orphans(data):
            raise AlreadyRunningError(f"A stack of {data} runs: stop it first with make down.")
        if not is_confirmed:
            _confirm(data, reporter)
        try:
            shutil.rmtree(data)
        except OSError as error:
            raise DataFolderError(f"{data} cannot be deleted: {error}.") from error
    reporter.say(f"{data} is deleted.")


def _confirm(data: Path, reporter: Reporter) -> None:
    if not sys.stdin.isatty():
        raise DataFolderError(f"Nothing was deleted: YES=1 confirms that {data} is deleted.")
    reporter.say(f"{data} holds all models, images, jobs and logs. To keep a copy: make backup.")
    try:
        typed = input(f"Type {data.name} to delete it: ")
    except EOFError:
        typed = ""
    if typed.strip() != data.name:
        raise DataFolderError("Nothing was deleted.")
