"""The life of a service process: run until asked to stop, then leave cleanly."""

import asyncio
import errno
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from shared.observability.logs import log_loop_trouble

PRIVATE_UMASK = 0o077
"""Whatever a service writes, images among it, is for its own user alone."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

S = TypeVar("S", bound=BaseSettings)


class CannotStartError(Exception):
    """What is wrong with the settings or the machine; the message is for the operator."""


def read_settings(kind: type[S], **values: Any) -> S:
    """Read a service's settings; wrong ones end the process with 1 and a sentence."""
    try:
        return kind(**values)
    except ValidationError as error:
        # Not the values: one of them may be a secret.
        wrong = (
            f"{'.'.join(map(str, e['loc'])) or error.title}: {e['msg']}" for e in error.errors()
        )
        raise SystemExit(f"Wrong settings: {'; '.join(wrong)}") from error


def make_folder(folder: Path) -> None:
    """Make a folder that the service may write to. Raises CannotStartError.

    A full disk is not an error here: it may have room again, and what lies there is readable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in _NO_ROOM:
            return
        raise CannotStartError(f"The folder {folder} cannot be used: {error.strerror}.") from error


def run_service(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)`; SIGINT and SIGTERM set `stop`, an exception ends the process.

    Files that are created from now on are readable for this process's user only. Of
    CannotStartError only the message is printed, with exit status 1.
    """
    os.umask(PRIVATE_UMASK)

    async def guarded() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_loop_trouble)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await main(stop)

    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(guarded())
    except CannotStartError as error:
        raise SystemExit(str(error)) from error


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415  an extra of the services that need speed
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
