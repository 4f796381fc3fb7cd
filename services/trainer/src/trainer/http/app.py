"""Health and metrics; jobs are asked for through the gateway."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from shared.observability.health import Readiness
from shared.observability.health_router import new_health_router


def new_app(readiness: Readiness, metrics: CollectorRegistry, dependencies: Readiness) -> FastAPI:
    """Make the app: /health/live, /health/ready, /metrics."""
    app = FastAPI(title="PneumoStream trainer", docs_url=None, redoc_url=None)
    app.include_router(new_health_router(readiness, metrics, dependencies))
    return app
