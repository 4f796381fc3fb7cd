"""Where a job stands: how far it is, and how long each of its phases takes."""

from shared.clock import Clock
from trainer.core.phases import known_phase
from trainer.ports import JobMetrics


class PhaseWatch:
    """Times one job's phases as they are told; one that is cut off is not counted."""

    def __init__(self, metrics: JobMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._phase: str | None = None
        self._since_s = 0.0

    def begin(self, told: str) -> None:
        """Say what happens now: what happened before is over. The same again goes on."""
        phase = known_phase(told)
        if phase != self._phase:
            self.end()
            self._phase, self._since_s = phase, self._clock.monotonic_s()

    def reach(self, progress: float) -> None:
        """Say how far the whole job is, 0 to 1."""
        self._metrics.reached(progress)

    def end(self) -> None:
        """Say that what happened is over."""
        if self._phase is not None:
            self._metrics.phase_took(self._phase, self._clock.monotonic_s() - self._since_s)
        self._phase = None
