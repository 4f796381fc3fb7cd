"""The story of a job: leased, done in a process of its own, handed in. Nothing is trained here."""

import asyncio
from contextlib import aclosing, suppress
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from shared.bundle_files import BundleError, verify_bundle
from shared.clock import Clock
from shared.contracts.bundle import MANIFEST_FILE
from shared.contracts.train import Claim, Job, JobOutcome, Release
from shared.control_client import ControlClient, ControlRefusedError, RegistryUnavailableError
from shared.observability.error_words import kind_of
from trainer.core.orders import DISK_FAILED, DISK_FAILED_EXIT, JobError, JobLine, JobResult
from trainer.ports import Ended, Folders, JobEvents, JobMetrics, Processes, Supplies
from trainer.service.lease import LeaseHolder
from trainer.service.phases import PhaseWatch
from trainer.service.registry_calls import insist
from trainer.service.supplying import Supplying, Terms

_log = structlog.get_logger(__name__)
_RELEASE_S = 3.0
"""For giving a job back: a shutdown must not wait for a registry that is away."""


class JobRunner:
    """Does one job at a time, as long as there are any."""

    def __init__(
        self,
        control: ControlClient,
        supplies: Supplies,
        folders: Folders,
        processes: Processes,
        events: JobEvents,
        clock: Clock,
        terms: Terms,
        metrics: JobMetrics,
    ) -> None:
        self._control = control
        self._supplying = Supplying(control, supplies, clock, terms)
        self._folders = folders
        self._processes = processes
        self._events = events
        self._clock = clock
        self._terms = terms
        self._metrics = metrics
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for work at once."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; the job in hand is then given back to be taken again."""
        while True:
            self._woken.clear()
            while (job := await self._claim()) is not None:
                await self._do(job)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._terms.poll_s):
                    await self._woken.wait()

    async def _claim(self) -> Job | None:
        """Take the oldest job that may be taken, if any."""
        claim = Claim(holder=self._terms.holder, ttl_s=self._terms.ttl_s)
        try:
            for job in reversed(await self._control.claimable_jobs(self._terms.modes)):
                with suppress(ControlRefusedError):  # another trainer was faster
                    return await self._control.lease_job(job.id, claim)
        except (ControlRefusedError, RegistryUnavailableError) as error:
            _log.warning("no jobs to be had", error=str(error))
        return None

    async def _do(self, job: Job) -> None:
        self._metrics.began(self._clock.now_ms())
        try:
            with bound_contextvars(job_id=job.id):
                await self._see_through(job)
        except asyncio.CancelledError:
            await self._release(job)
            raise
        finally:
            self._metrics.left()

    async def _release(self, job: Job) -> None:
        """Give a job back at a shutdown, so that the attempt does not count as lost."""
        try:
            async with asyncio.timeout(_RELEASE_S):
                await self._control.release_job(job.id, Release(holder=self._terms.holder))
        except (ControlRefusedError, RegistryUnavailableError, TimeoutError) as error:
            # Its lease runs out, and the attempt counts; a registry before 0.2 knows no release.
            _log.warning("job not released", job_id=job.id, error=kind_of(error))
        else:
            _log.info("job released", job_id=job.id)

    async def _see_through(self, job: Job) -> None:
        _log.info("job taken", mode=job.mode, attempt=job.attempt)
        outcome = await self._outcome(job)
        if outcome is None:
            _log.warning("job lost to another trainer")
        else:
            await self._finish(job, outcome)
        await asyncio.to_thread(self._folders.remove, job.id)

    async def _outcome(self, job: Job) -> JobOutcome | None:
        """Give how the job ended; None if it is no longer ours."""
        holder = self._terms.holder
        phases = PhaseWatch(self._metrics, self._clock)
        lease = LeaseHolder(
            job, self._control, self._events, self._clock, phases,
            holder=holder, ttl_s=self._terms.ttl_s,
        )  # fmt: skip
        work = asyncio.create_task(self._work(job, lease, phases))
        keeping = asyncio.create_task(lease.keep())
        try:
            await asyncio.wait((work, keeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()
            keeping.cancel()
            await asyncio.wait((work, keeping))
        if not work.cancelled():
            return work.result()
        if keeping.result().is_cancelled:
            return JobOutcome(holder=holder, state="cancelled")
        return None

    async def _work(self, job: Job, lease: LeaseHolder, phases: PhaseWatch) -> JobOutcome:
        try:
            self._forget_others(job)
            # A result that is here already: only the handing in was cut off.
            result = self._folders.result(job.id) or await self._train(job, lease)
            if result.error is not None:
                return self._failed(result.error)
            lease.tell(JobLine(state="evaluating", phase="handing in", progress=1.0))
            outcome = await self._hand_in(result, self._folders.candidate(job.id))
        except ControlRefusedError as error:
            return self._failed(f"The registry refused: {error.detail}")
        except BundleError as error:
            # Its own sentence names a path.
            _log.warning("candidate damaged", error=str(error))
            return self._failed("The candidate's bundle is damaged.")
        except JobError as error:
            return self._failed(str(error))
        except OSError as error:
            _log.exception("the trainer's disk failed", error=kind_of(error))
            return self._failed(DISK_FAILED)
        phases.end()
        return outcome

    def _forget_others(self, job: Job) -> None:
        for other in self._folders.jobs():
            if other != job.id:  # lost to another trainer once
                self._folders.remove(other)

    async def _train(self, job: Job, lease: LeaseHolder) -> JobResult:
        lease.tell(JobLine(phase="fetching", progress=0.0))
        order = await self._supplying.order(job)
        folder = await asyncio.to_thread(self._folders.begin, order)
        code = 0
        async with aclosing(self._processes.run(folder)) as lines:
            async for line in lines:
                if isinstance(line, Ended):
                    code = line.code
                else:
                    lease.tell(line)
        left = self._folders.result(job.id)
        ended = f"The training process ended with code {code}."
        return left or JobResult(error=DISK_FAILED if code == DISK_FAILED_EXIT else ended)

    async def _hand_in(self, result: JobResult, bundle: Path) -> JobOutcome:
        """Register the candidate, accepted or not: also what was rejected can be looked at."""
        manifest = await asyncio.to_thread(verify_bundle, bundle)
        for name, entry in manifest.files.items():
            await insist(self._control.upload_artifact, entry.sha256, bundle / name)
        record = await insist(self._control.register, (bundle / MANIFEST_FILE).read_bytes())
        accepted = result.gate is not None and result.gate.accepted
        return JobOutcome(
            holder=self._terms.holder,
            state="succeeded" if accepted else "rejected",
            metrics=result.metrics,
            gate=result.gate,
            model_version=record.version,
        )

    async def _finish(self, job: Job, outcome: JobOutcome) -> None:
        try:
            await insist(self._control.finish_job, job.id, outcome)
        except ControlRefusedError as error:
            _log.warning("outcome refused", state=outcome.state, error=str(error))
        else:
            self._metrics.ended(outcome.state)
            # Why is the registry's to tell: the sentence may name a class, or somebody's file.
            _log.info("job ended", state=outcome.state, model_version=outcome.model_version)

    def _failed(self, sentence: str) -> JobOutcome:
        return JobOutcome(holder=self._terms.holder, state="failed", error=sentence)
