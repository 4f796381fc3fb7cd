"""The metrics of jobs, through the watch that the service keeps."""

import math

from prometheus_client import CollectorRegistry

from trainer.adapters.job_metrics import PrometheusJobMetrics
from trainer.service.phases import PhaseWatch

STANDING = ("started_timestamp_seconds", "progress")
NAME = "pneumo_trainer_phase_seconds"


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now_ms(self) -> int:
        return int(self.at_s * 1000)

    def monotonic_s(self) -> float:
        return self.at_s


def _value(metrics: CollectorRegistry, name: str, **labels: str) -> float | None:
    return metrics.get_sample_value(name, labels)


def test_a_phase_is_timed_when_the_next_begins_and_once_however_often_it_is_told() -> None:
    metrics, clock = CollectorRegistry(), Hand()
    watch = PhaseWatch(PrometheusJobMetrics(metrics), clock)
    watch.begin("fine-tuning, epoch 0 of 2")
    clock.at_s = 3.0
    watch.begin("fine-tuning, epoch 1 of 2")
    assert _value(metrics, f"{NAME}_count", phase="fine-tuning") == 0
    clock.at_s = 5.0
    watch.begin("gate")
    assert _value(metrics, f"{NAME}_count", phase="fine-tuning") == 1
    assert _value(metrics, f"{NAME}_sum", phase="fine-tuning") == 5
    assert _value(metrics, f"{NAME}_count", phase="gate") == 0
    clock.at_s = 6.5
    watch.end()
    watch.end()
    assert _value(metrics, f"{NAME}_count", phase="gate") == 1
    assert _value(metrics, f"{NAME}_sum", phase="gate") == 1.5


def test_the_job_under_way_has_a_start_and_a_progress_and_none_has_neither() -> None:
    metrics, clock = CollectorRegistry(), Hand()
    counted = PrometheusJobMetrics(metrics)

    def standing() -> list[float | None]:
        return [_value(metrics, f"pneumo_trainer_job_{name}") for name in STANDING]

    assert all(math.isnan(value or 0) for value in standing())
    counted.began(90_500)
    assert standing() == [90.5, 0]
    PhaseWatch(counted, clock).reach(0.25)
    assert standing() == [90.5, 0.25]
    counted.left()
    assert all(math.isnan(value or 0) for value in standing())


def test_ended_jobs_are_counted_from_0() -> None:
    metrics = CollectorRegistry()
    counted = PrometheusJobMetrics(metrics)
    states = ("succeeded", "rejected", "failed", "cancelled")
    for state in states:
        assert _value(metrics, "pneumo_trainer_jobs_total", state=state) == 0
    counted.ended("failed")
    assert [_value(metrics, "pneumo_trainer_jobs_total", state=state) for state in states] == [
        0, 0, 1, 0,
    ]  # fmt: skip
