"""The ASGI app: routers, problems, health."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from registry.http.artifacts import new_artifacts_router
from registry.http.bundle_files import new_bundle_files_router
from registry.http.dataset import new_dataset_router, new_decisions_router, new_images_router
from registry.http.insights import new_insights_router
from registry.http.jobs import new_job_lists_router, new_leases_router, new_requests_router
from registry.http.models import (
    new_deletions_router,
    new_models_router,
    new_promotions_router,
    new_registration_router,
)
from registry.http.problems import ProblemWriter
from registry.service.dataset import DatasetService
from registry.service.dataset_insights import DatasetInsightService
from registry.service.jobs import JobService
from registry.service.model_insights import ModelInsightService
from registry.service.models import ModelService
from registry.service.retention import RetentionService
from shared.http.api_page import add_api_page
from shared.http.browser_guard import BrowserGuard
from shared.http.browser_policy import BrowserPolicy
from shared.observability.health import Readiness
from shared.observability.health_router import new_health_router


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the registry does for others."""

    models: ModelService
    jobs: JobService
    dataset: DatasetService
    dataset_insights: DatasetInsightService
    model_insights: ModelInsightService
    retention: RetentionService


def new_app(
    services: Services,
    *,
    readiness: Readiness,
    dependencies: Readiness,
    metrics: CollectorRegistry,
    max_artifact_bytes: int,
    new_id: Callable[[], str],
    browsers: BrowserPolicy,
) -> FastAPI:
    """Put the HTTP side together."""
    app = FastAPI(title="PneumoStream registry", version="1", docs_url=None, redoc_url=None)
    add_api_page(app)
    app.add_middleware(BrowserGuard, policy=browsers)
    problems = ProblemWriter(new_id)
    problems.install(app)
    models, jobs, dataset = services.models, services.jobs, services.dataset
    for router in (
        new_health_router(readiness, metrics, dependencies),
        # Before those with a variable in the place of its last word.
        new_insights_router(services.dataset_insights, services.model_insights, problems),
        new_models_router(models, problems),
        new_registration_router(models, problems),
        new_promotions_router(models, problems),
        new_deletions_router(services.retention, problems),
        new_bundle_files_router(models, problems),
        new_artifacts_router(models, problems, max_bytes=max_artifact_bytes),
        new_requests_router(jobs, problems),
        new_job_lists_router(jobs, problems),
        new_leases_router(jobs, problems),
        new_dataset_router(dataset),
        new_images_router(dataset, problems),
        new_decisions_router(dataset, problems),
    ):
        app.include_router(router)
    return app
