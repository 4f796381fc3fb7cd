"""Holding on to a job: heartbeats to the registry, progress to everybody, and when to let go."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from shared.clock import Clock
from shared.contracts.train import Job, JobReport, TrainEvent
from shared.control_client import ControlClient, ControlRefusedError, RegistryUnavailableError
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError
from trainer.core.orders import JobLine
from trainer.ports import JobEvents
from trainer.service.phases import PhaseWatch

_log = structlog.get_logger(__name__)
_BEATS_A_LEASE = 3
_LEAST_S = 1.0
"""Between two reports: a bar that moves every second is smooth enough."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """The work must end. is_cancelled: somebody asked for it; else another holds the job now."""

    is_cancelled: bool


class LeaseHolder:
    """One job while this trainer holds it."""

    def __init__(
        self,
        job: Job,
        control: ControlClient,
        events: JobEvents,
        clock: Clock,
        phases: PhaseWatch,
        *,
        holder: str,
        ttl_s: float,
    ) -> None:
        self._job = job
        self._control = control
        self._events = events
        self._clock = clock
        self._phases = phases
        self._holder = holder
        self._ttl_s = ttl_s
        self._line = JobLine(phase="starting", progress=0.0)
        self._told = asyncio.Event()

    def tell(self, line: JobLine) -> None:
        """Note where the job stands; it is told with the next report."""
        self._phases.begin(line.phase)
        self._phases.reach(line.progress)
        # What does not come out of training says nothing of its epochs: those told before stand.
        self._line = line.model_copy(update={"curves": line.curves or self._line.curves})
        self._told.set()

    async def keep(self) -> LetGo:
        """Report until the job must be let go. A registry that is away is asked again."""
        async with asyncio.TaskGroup() as tasks:
            # Beside the reports: a broker that is away holds up none of them.
            publishing = tasks.create_task(self._publish_changes())
            let_go = await self._report_on()
            publishing.cancel()
        return let_go

    async def _report_on(self) -> LetGo:
        while True:
            try:
                job = await self._control.report_job(self._job.id, self._report())
            except ControlRefusedError as error:
                _log.warning("job lost", reason=str(error))
                return LetGo(is_cancelled=False)
            except RegistryUnavailableError as error:
                _log.warning("report not taken", error=str(error))
            else:
                if job.cancel_requested:
                    return LetGo(is_cancelled=True)
            await asyncio.sleep(min(_LEAST_S, self._ttl_s / _BEATS_A_LEASE))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._ttl_s / _BEATS_A_LEASE):
                    await self._told.wait()
            self._told.clear()

    def _report(self) -> JobReport:
        line = self._line
        return JobReport(
            holder=self._holder,
            ttl_s=self._ttl_s,
            state=line.state,
            phase=line.phase,
            progress=line.progress,
            seconds_left=line.seconds_left,
            metrics=line.metrics,
            curves=line.curves,
        )

    async def _publish_changes(self) -> None:
        published: JobLine | None = None
        while True:
            if self._line != published:
                published = self._line
                await self._publish(published)
            await asyncio.sleep(_LEAST_S)

    async def _publish(self, line: JobLine) -> None:
        event = TrainEvent(
            id=self._job.id,
            state=line.state,
            phase=line.phase,
            progress=line.progress,
            seconds_left=line.seconds_left,
            metrics=line.metrics,
            curves=line.curves,
            at_ms=self._clock.now_ms(),
        )
        try:
            await self._events.publish(event)
        except BrokerUnavailableError as error:
            # Progress is a courtesy; states and outcomes are the registry's to tell.
            _log.warning("progress not told", error=str(error))
        except RecordRefusedError as error:
            _log.error("progress refused by the broker", error=str(error))
