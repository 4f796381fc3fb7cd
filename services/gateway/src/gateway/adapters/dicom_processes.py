"""Renders DICOM files in separate processes: few, bounded, and replaced when they die."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from gateway.adapters.dicom_frames import (
    MAX_VERDICT_BYTES,
    READY,
    REPLY,
    REQUEST,
    Reply,
    decode_reply,
)
from gateway.core.faults import Fault
from gateway.ports import DecoderBusyError
from shared.contracts.errors import ErrorCode

_log = structlog.get_logger(__name__)

PROGRAM = (sys.executable, "-m", "gateway.adapters.dicom_decoder")
_CHUNK_BYTES = 256 * 1024
_START_TIMEOUT_S = 60.0
_HANDED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_ENDED = Fault(
    ErrorCode.UNDECODABLE,
    "The DICOM file could not be decoded within the time and memory that one file may have.",
)


class _EndedError(Exception):
    """The decoder died, timed out, or sent an invalid reply."""


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """processes: at once. waiting: files that wait for one, at most. The rest is for each file."""

    processes: int
    waiting: int
    timeout_s: float
    memory_bytes: int
    max_pixels: int
    max_png_bytes: int


class DicomProcesses:
    """Renders files. A process is started by the first file that finds none free."""

    def __init__(self, limits: DecoderLimits, program: Sequence[str] = PROGRAM) -> None:
        """program: what is run, with memory, seconds and pixels behind it."""
        self._limits = limits
        self._program = (
            *program,
            *map(str, (limits.memory_bytes, limits.timeout_s, limits.max_pixels)),
        )
        self._slots = asyncio.Semaphore(limits.processes)
        self._idle: list[Process] = []
        self._waiting = 0

    async def render(self, content: bytes, *, wait_s: float) -> Reply:
        """See `gateway.ports.DicomRenderer`."""
        await self._take_slot(wait_s)
        try:
            return await self._render(content)
        finally:
            self._slots.release()

    async def close(self) -> None:
        """End every process."""
        while self._idle:
            await _end(self._idle.pop())

    async def _take_slot(self, wait_s: float) -> None:
        if self._waiting >= self._limits.waiting:
            raise DecoderBusyError
        self._waiting += 1
        try:
            async with asyncio.timeout(wait_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise DecoderBusyError from error
        finally:
            self._waiting -= 1

    async def _render(self, content: bytes) -> Reply:
        try:
            process = await self._take_idle()
            if process is not None:
                with contextlib.suppress(_EndedError):
                    return await self._render_in(process, content)
                # It may have been dead before it had the file, which then is not to blame.
                _log.warning("DICOM decoder process ended, retrying the file in a new one")
            return await self._render_in(await self._start(), content)
        except (_EndedError, TimeoutError) as error:
            _log.warning("DICOM decoder process ended", reason=type(error).__name__)
            return _ENDED

    async def _render_in(self, process: Process, content: bytes) -> Reply:
        is_well = False
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                reply = await self._ask(process, content)
            is_well = True
        finally:
            # Also after a cancelled request: half a reply is in its pipe.
            if is_well:
                self._idle.append(process)
            else:
                await _end(process)
        return reply

    async def _take_idle(self) -> Process | None:
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
            await _end(process)
        return None

    async def _start(self) -> Process:
        handed_on = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *self._program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=handed_on | _ONE_THREAD
        )
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                is_ready = await _read(process, len(READY)) == READY
        except (_EndedError, TimeoutError):
            is_ready = False
        except BaseException:
            await _end(process)
            raise
        if not is_ready:
            await _end(process)
            _log.error("DICOM decoder process does not start", code=process.returncode)
            raise DecoderBusyError
        return process

    async def _ask(self, process: Process, content: bytes) -> Reply:
        await _send(process, content)
        verdict_bytes, png_bytes = REPLY.unpack(await _read(process, REPLY.size))
        if verdict_bytes > MAX_VERDICT_BYTES or png_bytes > self._limits.max_png_bytes:
            raise _EndedError
        verdict = await _read(process, verdict_bytes)
        png = await _read(process, png_bytes)
        try:
            return decode_reply(verdict, png)
        except ValueError as error:
            raise _EndedError from error


async def _send(process: Process, content: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(REQUEST.pack(len(content)))
        # In pieces: what a pipe does not take at once is copied.
        for start in range(0, len(content), _CHUNK_BYTES):
            process.stdin.write(content[start : start + _CHUNK_BYTES])
            await process.stdin.drain()
    except (OSError, RuntimeError) as error:
        # uvloop raises RuntimeError where the pipe is closed, and the exit is not noticed yet.
        raise _EndedError from error


async def _read(process: Process, size_bytes: int) -> bytes:
    assert process.stdout is not None
    try:
        return await process.stdout.readexactly(size_bytes)
    except (asyncio.IncompleteReadError, OSError) as error:
        raise _EndedError from error


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    # Closes its pipes too.
    await process.communicate()


@asynccontextmanager
async def open_decoders(limits: DecoderLimits) -> AsyncIterator[DicomProcesses]:
    """Return decoders, none of which runs yet; the end of the block ends them."""
    decoders = DicomProcesses(limits)
    try:
        yield decoders
    finally:
        await decoders.close()
