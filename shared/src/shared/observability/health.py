"""What every service answers on its own port: live, ready, metrics.

A service with an API adds `health_router`'s routes to it. One without has `new_health_app`, which
spares its start a sixth of a second: who scales workers waits for it.
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Metric,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Readiness = Callable[[], Mapping[str, bool]]
"""Names each condition for taking work, and whether it holds now. Ready when all do."""


class ReadinessCollector(Collector):
    """Each condition for taking work, asked for when somebody scrapes."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def collect(self) -> Iterator[Metric]:
        """Give 1 for each condition that holds now, and 0 for the others."""
        ready = GaugeMetricFamily(
            "pneumo_ready", "Whether a condition for taking work holds.", labels=["check"]
        )
        for check, holds in self._readiness().items():
            ready.add_metric([check], holds)
        yield ready


class Health:
    """The three answers.

    `metrics` exports readiness and the process's memory, CPU and files from then on: once each.
    """

    def __init__(self, readiness: Readiness, metrics: CollectorRegistry) -> None:
        self._readiness = readiness
        self._metrics = metrics
        metrics.register(ReadinessCollector(readiness))
        ProcessCollector(registry=metrics)

    async def live(self, _: Request) -> JSONResponse:
        """Answer /health/live: the loop turns."""
        return JSONResponse({"status": "alive"})

    async def ready(self, _: Request) -> JSONResponse:
        """Answer /health/ready: 200, or 503 with the conditions that do not hold."""
        checks = dict(self._readiness())
        ok = all(checks.values())
        body = {"status": "ready" if ok else "not_ready", "checks": checks}
        return JSONResponse(body, status_code=200 if ok else 503)

    async def scrape(self, request: Request) -> Response:
        """Answer /metrics; as OpenMetrics, with exemplars, to who asks for it: Prometheus does."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._metrics), headers={"Content-Type": content_type})


def new_health_app(readiness: Readiness, metrics: CollectorRegistry) -> Starlette:
    """Make the HTTP side of a service that has no API."""
    health = Health(readiness, metrics)
    return Starlette(
        routes=[
            Route("/health/live", health.live),
            Route("/health/ready", health.ready),
            Route("/metrics", health.scrape),
        ]
    )
