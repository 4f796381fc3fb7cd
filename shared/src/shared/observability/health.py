"""The routes every service answers on its own port: live, ready, metrics."""

from collections.abc import Callable, Iterator, Mapping

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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


def new_health_router(readiness: Readiness, metrics: CollectorRegistry) -> APIRouter:
    """Serve /health/live (the loop turns), /health/ready (200 or 503) and /metrics.

    `metrics` exports readiness and the process's memory, CPU and files from then on: once each.
    """
    metrics.register(ReadinessCollector(readiness))
    ProcessCollector(registry=metrics)
    router = APIRouter(tags=["operations"])

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/health/ready", responses={503: {"description": "Not ready yet, and why."}})
    async def ready() -> JSONResponse:
        checks = dict(readiness())
        ok = all(checks.values())
        body = {"status": "ready" if ok else "not_ready", "checks": checks}
        return JSONResponse(body, status_code=200 if ok else 503)

    @router.get("/metrics", include_in_schema=False)
    async def scrape() -> Response:
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return router
