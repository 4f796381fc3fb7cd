"""What is counted and timed of the jobs done here."""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from shared.contracts.train import Terminal
from trainer.core.phases import PHASES

_MINUTE_S = 60.0
_BUCKETS = (
    *(0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    *(_MINUTE_S * minutes for minutes in (1, 2, 5, 10, 30, 60, 120, 240)),
)
"""From a head on a few uploads to a whole training, seconds."""


class PrometheusJobMetrics:
    """JobMetrics for `/metrics`; every series is there from the start, at 0."""

    def __init__(self, metrics: CollectorRegistry) -> None:
        self._jobs = Counter(
            "pneumo_trainer_jobs_total", "Jobs ended by this trainer.", ["state"], registry=metrics
        )
        self._phases = Histogram(
            "pneumo_trainer_phase_seconds",
            "Time of one job in a phase.",
            ["phase"],
            buckets=_BUCKETS,
            registry=metrics,
        )
        for state in get_args(Terminal):
            self._jobs.labels(state)
        for phase in PHASES:
            self._phases.labels(phase)

    def ended(self, state: Terminal) -> None:
        """Count a job that ended."""
        self._jobs.labels(state).inc()

    def phase_took(self, phase: str, seconds: float) -> None:
        """Note how long a job was in a phase."""
        self._phases.labels(phase).observe(seconds)
