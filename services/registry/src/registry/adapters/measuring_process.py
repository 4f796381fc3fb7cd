"""Pictures measured by a process of their own; see `measuring`."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence

import orjson
from pydantic import ValidationError

from registry.adapters.frames import frame_of
from registry.ports import MeasuredImage, MeasuringError
from shared.contracts.insights import Measures

PROGRAM = (sys.executable, "-m", "registry.adapters.measuring")
_START_AND_END_S = 10.0


class MeasuringProcess:
    """A PictureMeasures port. seconds: how long it looks at the most.

    start_and_end_s: what the process may take beside its looking. program: its command line.
    """

    def __init__(
        self,
        *,
        seconds: float,
        start_and_end_s: float = _START_AND_END_S,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._seconds = seconds
        self._start_and_end_s = start_and_end_s
        self._program = program

    async def measure(
        self, classes: Sequence[str], pictures: AsyncIterator[MeasuredImage]
    ) -> Measures:
        """Measure as many as there is time for, in order; see the port."""
        order = orjson.dumps({"classes": list(classes), "seconds": self._seconds})
        try:
            process = await asyncio.create_subprocess_exec(
                *self._program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
            )
        except OSError as error:
            raise MeasuringError("the measuring process did not start") from error
        try:
            async with asyncio.timeout(self._seconds + self._start_and_end_s):
                told = await _ask(process, order, pictures)
        except TimeoutError as error:
            raise MeasuringError("the measuring process took too long") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        try:
            return Measures.model_validate_json(told)
        except ValidationError as error:
            raise MeasuringError(f"the measuring process ended {process.returncode}") from error


async def _ask(process: Process, order: bytes, pictures: AsyncIterator[MeasuredImage]) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    showing = asyncio.create_task(_show(process.stdin, order, pictures))
    try:
        told = await process.stdout.read()  # it ends by itself when it has no time left
        await process.wait()
    finally:
        showing.cancel()
        (outcome,) = await asyncio.gather(showing, return_exceptions=True)
    if isinstance(outcome, Exception):
        raise outcome
    return told


async def _show(
    stdin: asyncio.StreamWriter, order: bytes, pictures: AsyncIterator[MeasuredImage]
) -> None:
    """Write the order and the pictures, one at a time in memory, as fast as they are taken."""
    try:
        stdin.writelines(frame_of(order))
        async for picture in pictures:
            stdin.writelines(frame_of(picture.label.encode()))
            stdin.writelines(frame_of(picture.content))
            await stdin.drain()
    except (OSError, RuntimeError):
        # It has ended; uvloop raises RuntimeError where the exit is not noticed yet.
        return
    finally:
        stdin.close()
