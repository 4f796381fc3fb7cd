"""Live, ready and metrics among the routes of a service's API."""

from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from shared.observability.health import Health, Readiness, no_dependencies


def new_health_router(
    readiness: Readiness, metrics: CollectorRegistry, dependencies: Readiness = no_dependencies
) -> APIRouter:
    """Serve /health/live (the loop turns), /health/ready (200 or 503) and /metrics.

    `metrics` exports readiness and the process's memory, CPU and files from then on: once each.
    """
    health = Health(readiness, metrics, dependencies)
    router = APIRouter(tags=["operations"])
    router.add_api_route("/health/live", health.live)
    router.add_api_route(
        "/health/ready",
        health.ready,
        responses={503: {"description": "Not ready yet, and why."}},
    )
    router.add_api_route("/metrics", health.scrape, include_in_schema=False)
    return router
