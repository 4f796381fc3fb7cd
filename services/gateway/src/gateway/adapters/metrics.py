"""The gateway's metrics."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.adapters.group_lag import GroupSubscription
from gateway.core.admission import RefusalReason
from gateway.core.load_estimator import LoadReport
from shared.observability.stages import StageSeconds, exemplar_of

_BUCKETS = (
    0.002,
    0.004,
    0.006,
    0.008,
    0.012,
    0.016,
    0.024,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class GatewayMetrics:
    """Rate, errors and duration of every route."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "pneumo_http_requests_total",
            "HTTP requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "pneumo_http_request_seconds",
            "Time from request to the end of its answer.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._stages = StageSeconds(registry)

    def observe(
        self, method: str, route: str, status: int, seconds: float, trace_id: str | None
    ) -> None:
        """Count one request. Clients choose the method, so only known ones become labels.

        trace_id: of its trace, if that is sampled.
        """
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds, exemplar_of(trace_id))

    def observe_stage(self, stage: str, seconds: float, trace_id: str | None) -> None:
        """Count the time of one stage of the gateway: admit or reply."""
        self._stages.observe(stage, seconds, trace_id)


class LoadCollector(Collector):
    """Load and consumer lag, read on every scrape."""

    def __init__(
        self,
        report: Callable[[], LoadReport],
        lags: Callable[[], Mapping[GroupSubscription, int]],
    ) -> None:
        self._report = report
        self._lags = lags

    def collect(self) -> Iterator[Metric]:
        """Return every metric with its current value."""
        report = self._report()
        yield _gauge("in_flight", "Requests of this gateway without an outcome.", report.in_flight)
        yield _gauge("in_flight_bytes", "Bytes of images held for them.", report.in_flight_bytes)
        yield _gauge("backlog", "Requests accepted and not answered, all gateways.", report.backlog)
        yield _gauge(
            "estimated_wait_seconds", "How long the backlog takes the workers.", report.wait_s
        )
        yield _counts(
            "rejected",
            "Predictions refused, by reason.",
            "reason",
            tuple(RefusalReason),
            report.rejected,
        )
        yield _counts(
            "deadlines_exceeded",
            "Predictions answered 504: no answer in time, or expired before a worker began.",
            "reason",
            ("no_answer", "expired"),
            report.late,
        )
        lag = GaugeMetricFamily(
            "pneumo_consumer_lag", "Records not yet committed.", labels=["topic", "group"]
        )
        for subscription, records in self._lags().items():
            lag.add_metric([subscription.topic, subscription.group], records)
        yield lag


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"pneumo_{name}", text, value)


def _counts(
    name: str, text: str, label: str, known: tuple[str, ...], found: Mapping[str, int]
) -> Metric:
    # Reasons without an event are 0, so that a rate is defined from the start.
    family = CounterMetricFamily(f"pneumo_{name}", text, labels=[label])
    for value in known:
        family.add_metric([value], found.get(value, 0))
    return family
