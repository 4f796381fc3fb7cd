"""A loop that stands still answers nobody: its process ends, and a fresh one takes its place."""

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NoReturn

EXIT_STATUS = 70
"""sysexits.h: an internal software error."""

_SLICES = 10


@asynccontextmanager
async def watched_loop(stuck_after_s: float) -> AsyncIterator[None]:
    """End the process if its event loop does not turn for this long within the block; 0: never.

    The stacks of all threads go to stderr, and the process exits with EXIT_STATUS at once. Time in
    which the whole process was stopped (SIGSTOP, a suspended machine) does not count. What holds
    the interpreter's lock for ever cannot be seen.
    """
    if stuck_after_s <= 0:
        yield
        return
    beat, ended = threading.Event(), threading.Event()
    slice_s = stuck_after_s / _SLICES
    watcher = threading.Thread(
        target=_watch, args=(beat, ended, slice_s), name="watchdog", daemon=True
    )
    beating = asyncio.create_task(_keep_beating(beat, slice_s / 2))
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        beat.set()
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _keep_beating(beat: threading.Event, every_s: float) -> None:
    while True:
        beat.set()
        await asyncio.sleep(every_s)


def _watch(beat: threading.Event, ended: threading.Event, slice_s: float) -> None:
    # In slices: of a process that is stopped and goes on, only the slice under way is lost.
    missed = 0
    while not ended.is_set():
        missed = 0 if beat.wait(slice_s) else missed + 1
        beat.clear()
        if missed >= _SLICES:
            end_process(f"the event loop has not turned for {missed * slice_s:g} s")


def end_process(reason: str) -> NoReturn:
    """Write why, and the stacks of all threads, to stderr; exit at once with EXIT_STATUS."""
    sys.stderr.write(f"watchdog: {reason}; every stack:\n")
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    sys.stderr.flush()
    os._exit(EXIT_STATUS)
