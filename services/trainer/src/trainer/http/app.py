"""Health and metrics; jobs are asked for through the gateway."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from shared.http.browser_guard import BrowserGuard
from shared.http.browser_policy import BrowserPolicy
from shared.observability.health import Readiness
from shared.observability.health_router import new_health_router


def new_app(
    readiness: Readiness,
    metrics: CollectorRegistry,
    dependencies: Readiness,
    browsers: BrowserPolicy,
) -> FastAPI:
    """Make the app: /health/live, /health/ready, /metrics."""
    app = FastAPI(title="PneumoStream trainer", docs_url=None, redoc_url=None)
    app.add_middleware(BrowserGuard, policy=browsers)
    app.include_router(new_health_router(readiness, metrics, dependencies))
    return app
