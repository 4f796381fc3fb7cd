"""`run-job`: what the service starts for every job; not for people."""

import errno
import os
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

from shared.clock import SystemClock
from shared.observability.error_words import stack_of
from shared.observability.logs import configure_logs
from trainer.adapters.line_progress import LineProgress
from trainer.adapters.parent_exit import exit_with_parent
from trainer.core.orders import DISK_FAILED_EXIT

_NICE = 19
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


def run_job(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The job's folder.")],
) -> None:
    """Do the job whose order lies in a folder; ends with whoever holds its standard input."""
    _step_back()
    exit_with_parent(sys.stdin.fileno())
    configure_logs("trainer")
    from trainer.main.job import run_job as run  # noqa: PLC0415

    try:
        run(folder, LineProgress(sys.stdout, SystemClock()))
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        structlog.get_logger(__name__).error("disk failed", exception=stack_of(error))
        raise typer.Exit(DISK_FAILED_EXIT) from error


def _step_back() -> None:
    # Serving on the same machine comes first. A low priority alone would let this process finish
    # its slice of some milliseconds while a request waits for the CPU (sched(7), SCHED_IDLE).
    os.nice(_NICE)
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
