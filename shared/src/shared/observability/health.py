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
"""Names each condition for taking work, and whether it holds now. Ready when all do.

Only what is the process's own belongs here: that it is still starting, or has no room. What all
processes share (the broker, a database) is a dependency: were it a condition, all would leave their
load balancer at once, and nobody would be left to say what is wrong.
"""


def no_dependencies() -> Mapping[str, bool]:
    """Give the dependencies of a service that names none."""
    return {}


class ReadinessCollector(Collector):
    """Each condition and each dependency, asked for when somebody scrapes."""

    def __init__(self, readiness: Readiness, dependencies: Readiness) -> None:
        self._readiness = readiness
        self._dependencies = dependencies

    def collect(self) -> Iterator[Metric]:
        """Give 1 for each that holds now, and 0 for the others."""
        ready = GaugeMetricFamily(
            "pneumo_ready", "Whether a condition or dependency holds.", labels=["check"]
        )
        for check, holds in {**self._dependencies(), **self._readiness()}.items():
            ready.add_metric([check], holds)
        yield ready


class Health:
    """The three answers.

    `metrics` exports readiness and the process's memory, CPU and files from then on: once each.
    """

    def __init__(
        self, readiness: Readiness, metrics: CollectorRegistry, dependencies: Readiness
    ) -> None:
        self._readiness = readiness
        self._dependencies = dependencies
        self._metrics = metrics
        metrics.register(ReadinessCollector(readiness, dependencies))
        ProcessCollector(registry=metrics)

    async def live(self, _: Request) -> JSONResponse:
        """Answer /health/live: the loop turns."""
        return JSONResponse({"status": "alive"})

    async def ready(self, _: Request) -> JSONResponse:
        """Answer /health/ready: 200, or 503 with the conditions that do not hold.

        dependencies: what the service needs of others, and whether it was there at the last look;
        it decides nothing.
        """
        checks = dict(self._readiness())
        ok = all(checks.values())
        body = {
            "status": "ready" if ok else "not_ready",
            "checks": checks,
            "dependencies": dict(self._dependencies()),
        }
        return JSONResponse(body, status_code=200 if ok else 503)

    async def scrape(self, request: Request) -> Response:
        """Answer /metrics; as OpenMetrics, with exemplars, to who asks for it: Prometheus does."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._metrics), headers={"Content-Type": content_type})


def new_health_app(
    readiness: Readiness, metrics: CollectorRegistry, dependencies: Readiness = no_dependencies
) -> Starlette:
    """Make the HTTP side of a service that has no API."""
    health = Health(readiness, metrics, dependencies)
    return Starlette(
        routes=[
            Route("/health/live", health.live),
            Route("/health/ready", health.ready),
            Route("/metrics", health.scrape),
        ]
    )
