"""Where the time of a prediction goes: one metric, of which gateway and worker each tell a part."""

from prometheus_client import CollectorRegistry, Histogram

_BUCKETS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8)


class StageSeconds:
    """The histogram by `stage`, seconds; the same buckets everywhere, so that one query adds.

    Stages: admit, reply (gateway); queue, decode, infer, explain (worker).
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "pneumo_stage_seconds",
            "Time of one request in a stage.",
            ["stage"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def observe(self, stage: str, seconds: float, trace_id: str | None = None) -> None:
        """Count one request's time. trace_id: of the trace that shows it, where it is sampled."""
        self._seconds.labels(stage).observe(seconds, exemplar_of(trace_id))


def exemplar_of(trace_id: str | None) -> dict[str, str] | None:
    """Give what leads from a bucket to a trace, or None; only OpenMetrics shows it."""
    return None if trace_id is None else {"trace_id": trace_id}
