"""Where the time of a prediction goes: one metric, of which gateway and worker each tell a part."""

from prometheus_client import CollectorRegistry, Histogram

_BUCKETS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8)


def new_stage_seconds(registry: CollectorRegistry) -> Histogram:
    """Make the histogram by `stage`, seconds; the same buckets everywhere, so that one query adds.

    Stages: admit, reply (gateway); queue, decode, infer (worker).
    """
    return Histogram(
        "pneumo_stage_seconds",
        "Time of one request in a stage.",
        ["stage"],
        buckets=_BUCKETS,
        registry=registry,
    )
