"""The ASGI app: routers, problems, health."""

from collections.abc import Callable

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from registry.http.artifacts import new_artifacts_router
from registry.http.bundle_files import new_bundle_files_router
from registry.http.models import new_models_router, new_promotions_router, new_registration_router
from registry.http.problems import ProblemWriter
from registry.service import RegistryService
from shared.observability.health import Readiness, new_health_router


def new_app(
    service: RegistryService,
    *,
    readiness: Readiness,
    metrics: CollectorRegistry,
    max_artifact_bytes: int,
    new_id: Callable[[], str],
) -> FastAPI:
    """Put the HTTP side together."""
    app = FastAPI(title="PneumoStream registry", version="1")
    problems = ProblemWriter(new_id)
    problems.install(app)
    app.include_router(new_health_router(readiness, metrics))
    app.include_router(new_models_router(service, problems))
    app.include_router(new_registration_router(service, problems))
    app.include_router(new_promotions_router(service, problems))
    app.include_router(new_bundle_files_router(service, problems))
    app.include_router(new_artifacts_router(service, problems, max_bytes=max_artifact_bytes))
    return app
