"""The thread that decodes and infers, and the watch over how long one step of it takes."""

import asyncio
import contextvars
import faulthandler
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog

from inference_worker.core.attempts import is_overdue
from inference_worker.core.requests import PredictRequest
from inference_worker.ports import BeginStep, StepOverdueError

_log = structlog.get_logger(__name__)
_SLICES = 10
_WATCH_AT_LEAST_S = 0.01

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Job:
    """One call of `ComputeThread.run`. `requests` and `step` are written by the thread."""

    future: "asyncio.Future[Any] | None" = None
    thread: int = 0
    requests: tuple[PredictRequest, ...] = ()
    in_engine: bool = False
    step: int = 0
    overdue: bool = False

    def begin_step(self, requests: Sequence[PredictRequest], *, in_engine: bool) -> None:
        self.requests, self.in_engine = tuple(requests), in_engine
        self.step += 1  # last: a step whose number stands still has these requests


class ComputeThread:
    """Runs one job after the other in one thread; a thread that is stuck is replaced.

    A thread cannot be ended: once one is stuck, the process must end soon (`stuck` is set), and
    not wait for its threads.
    """

    def __init__(
        self, bound_s: float, stuck: asyncio.Event | None = None, *, name: str = "compute"
    ) -> None:
        """stuck: set once the thread is; shared by all threads of a process."""
        self._bound_s = bound_s
        self._name = name
        self._executor = self._new_executor()
        self._running: _Job | None = None
        self.stuck = stuck or asyncio.Event()

    async def run(self, work: Callable[[BeginStep], T]) -> T:
        """See ports.Compute."""
        while True:
            job = _Job()
            job.future = asyncio.get_running_loop().run_in_executor(
                self._executor,
                # A thread has no context: what the log lines of this batch must say goes along.
                contextvars.copy_context().run,
                partial(self._work, job, work),
            )
            try:
                return await job.future  # type: ignore[no-any-return]
            except asyncio.CancelledError:
                if job.overdue:
                    raise StepOverdueError(
                        job.requests, self._bound_s, in_engine=job.in_engine
                    ) from None
                task = asyncio.current_task()
                if not self.stuck.is_set() or task is None or task.cancelling():
                    raise
                # It waited behind the job whose thread was given up: once more, in the new one.

    def close(self) -> None:
        """End the thread, once its job is done; a stuck one is left alone."""
        self._executor.shutdown(wait=True)

    async def watch(self) -> None:
        """Look, until cancelled, whether a step is overdue."""
        if self._bound_s <= 0:
            return
        slice_s = max(_WATCH_AT_LEAST_S, self._bound_s / _SLICES)
        seen: tuple[_Job | None, int] = (None, 0)
        slices, began_cpu_s = 0, 0.0
        while True:
            # In slices: of a process that is stopped and goes on, only the slice under way counts.
            await asyncio.sleep(slice_s)
            job = self._running
            looked = (job, job.step if job else 0)
            if job is None or looked != seen:
                seen, slices, began_cpu_s = looked, 0, _cpu_s(job)
                continue
            slices += 1
            if is_overdue(slices * slice_s, _cpu_s(job) - began_cpu_s, self._bound_s):
                self._give_up(job)
                seen = (None, 0)

    def _work(self, job: _Job, work: Callable[[BeginStep], T]) -> T:
        job.thread = threading.get_ident()
        self._running = job
        try:
            return work(job.begin_step)
        finally:
            if self._running is job:
                self._running = None

    def _give_up(self, job: _Job) -> None:
        ids = [request.headers.id for request in job.requests]
        _log.critical(
            "an attempt is overdue; this worker ends once its other requests are answered",
            request_ids=ids,
            bound_s=self._bound_s,
            in_engine=job.in_engine,
        )
        with suppress(ValueError, OSError):  # stderr without a file
            faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        stuck, self._executor = self._executor, self._new_executor()
        self._running, job.overdue = None, True
        self.stuck.set()
        stuck.shutdown(wait=False, cancel_futures=True)
        if job.future is not None:
            job.future.cancel()

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix=self._name)


@asynccontextmanager
async def watched_compute(
    bound_s: float, stuck: asyncio.Event | None = None, *, name: str = "compute"
) -> AsyncIterator[ComputeThread]:
    """Have a thread for the block, one step of which may take `bound_s`; 0: any time."""
    compute = ComputeThread(bound_s, stuck, name=name)
    watching = asyncio.create_task(compute.watch())
    try:
        yield compute
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        compute.close()


def _cpu_s(job: _Job | None) -> float:
    if job is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(job.thread))
