"""What is counted and timed of the jobs done here."""

import math
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.contracts.train import Terminal
from trainer.core.phases import PHASES

_MINUTE_S = 60.0
_MS_A_SECOND = 1000
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
        self._started = Gauge(
            "pneumo_trainer_job_started_timestamp_seconds",
            "When the job under way was taken, unix time; NaN while there is none.",
            registry=metrics,
        )
        self._progress = Gauge(
            "pneumo_trainer_job_progress",
            "How far the job under way is, 0 to 1; NaN while there is none.",
            registry=metrics,
        )
        self.left()
        for state in get_args(Terminal):
            self._jobs.labels(state)
        for phase in PHASES:
            self._phases.labels(phase)

    def began(self, at_ms: int) -> None:
        """Note when the job under way was taken, unix ms."""
        self._started.set(at_ms / _MS_A_SECOND)
        self._progress.set(0)

    def reached(self, progress: float) -> None:
        """Note how far the job under way is, 0 to 1."""
        self._progress.set(progress)

    def left(self) -> None:
        """Note that no job is under way; 0 would be one taken in 1970."""
        self._started.set(math.nan)
        self._progress.set(math.nan)

    def ended(self, state: Terminal) -> None:
        """Count a job that ended."""
        self._jobs.labels(state).inc()

    def phase_took(self, phase: str, seconds: float) -> None:
        """Note how long a job was in a phase."""
        self._phases.labels(phase).observe(seconds)
