"""`python -m trainer run-job`: the process that does one job, watched from here."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from pathlib import Path

from trainer.core.orders import JobLine, read_line
from trainer.ports import Ended

_LINE_BYTES = 1024 * 1024
_BOUNDED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


class JobProcesses:
    """Starts a process a job, in a group of its own and bounded in threads.

    It ends itself when this process is gone: its standard input is a pipe that only we hold.
    """

    def __init__(self, threads: int, environment: Mapping[str, str]) -> None:
        bounds = {name: str(threads) for name in _BOUNDED}
        own = {"TF_NUM_INTEROP_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        self._environment = {**environment, **bounds, **own}

    async def run(self, folder: Path) -> AsyncGenerator[JobLine | Ended]:
        """Give every line as it is told, and at last how it ended; leaving early ends it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "trainer", "run-job", str(folder)),
            stdin=PIPE,
            stdout=PIPE,
            limit=_LINE_BYTES,
            start_new_session=True,
            env=self._environment,
        )
        assert process.stdout is not None
        try:
            async for raw in process.stdout:
                line = read_line(raw)
                if line is not None:
                    yield line
            yield Ended(await process.wait())
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
