"""The life of a service process: run until asked to stop, then leave cleanly."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from shared.observability.logs import log_loop_trouble

PRIVATE_UMASK = 0o077
"""Whatever a service writes, images among it, is for its own user alone."""


def run_service(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)`; SIGINT and SIGTERM set `stop`, an exception ends the process.

    Files that are created from now on are readable for this process's user only.
    """
    os.umask(PRIVATE_UMASK)

    async def guarded() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_loop_trouble)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await main(stop)

    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(guarded())


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415  an extra of the services that need speed
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
