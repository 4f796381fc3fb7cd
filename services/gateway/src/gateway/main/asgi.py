"""The ASGI application: the routes over the components, behind the edge."""

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from gateway.adapters.metrics import GatewayMetrics, LoadCollector
from gateway.core.recent_problems import RecentProblems
from gateway.edge.request_metrics import RequestMetricsMiddleware
from gateway.http.answer_timing import AnswerTimer
from gateway.http.app import new_app
from gateway.http.direct_routes import DirectDispatcher
from gateway.http.limits import HttpLimits, InferLimits
from gateway.http.routes.open_inference import new_open_inference_router
from gateway.http.routes.open_inference_models import (
    ModelSelector,
    new_open_inference_health_router,
    new_open_inference_models_router,
)
from gateway.http.routes.predictions import new_outcomes_router, new_predictions_router
from gateway.http.routes.status import StatusSources, new_status_router
from gateway.main.components import Components
from gateway.main.control_plane import new_control_routers
from gateway.main.edge import new_edge
from gateway.settings import Settings
from shared.clock import Clock, new_id
from shared.observability.health_router import new_health_router


def new_asgi_app(settings: Settings, components: Components, clock: Clock) -> ASGIApp:
    """Wrap every route in the edge, and count and time every request."""
    metrics_registry = CollectorRegistry()
    metrics = GatewayMetrics(metrics_registry)
    metrics_registry.register(
        LoadCollector(components.predictions.report, lambda: components.lag.lags)
    )
    timer = AnswerTimer(clock.monotonic_s, metrics.observe_stage)
    problems = RecentProblems()
    app = new_api(settings, components, clock, metrics_registry, timer, problems)

    def note_problem(code: str, status: int, route: str) -> None:
        problems.note(code, status, route, clock.now_ms())

    return RequestMetricsMiddleware(
        new_edge(DirectDispatcher(app), settings, clock),
        metrics.observe,
        clock.monotonic_s,
        new_id,
        components.tracer,
        note_problem=note_problem,
    )


def new_api(
    settings: Settings,
    components: Components,
    clock: Clock,
    metrics_registry: CollectorRegistry,
    timer: AnswerTimer,
    problems: RecentProblems,
) -> FastAPI:
    """Make the FastAPI application with every route."""
    sources = StatusSources(
        count_predictions=lambda: components.predictions.predictions,
        broker_reachable=lambda: components.probe.reachable,
        readiness=components.health,
        load=components.predictions.report,
        lags=components.lag.lags.items,
        problems=problems.newest_first,
    )
    limits = HttpLimits(
        settings.default_wait_s,
        settings.max_wait_s,
        settings.max_image_bytes,
        settings.max_dicom_bytes,
    )
    return new_app(
        # Routes are tried in order: the hot ones first.
        new_predictions_router(components.predictions, limits, timer, components.decoders),
        new_outcomes_router(components.predictions),
        *_new_open_inference_routers(settings, components, clock, timer),
        new_status_router(components.cluster, clock, sources, model_name=settings.model_name),
        new_health_router(components.readiness, metrics_registry, components.dependencies),
        *new_control_routers(settings, components.control, components.cluster, clock),
    )


def _new_open_inference_routers(
    settings: Settings, components: Components, clock: Clock, timer: AnswerTimer
) -> tuple[APIRouter, ...]:
    served = ModelSelector(
        lambda: components.cluster.current_model(settings.model_name),
        lambda: components.cluster.workers(clock.now_ms()),
    )
    limits = InferLimits(
        settings.default_wait_s,
        settings.max_wait_s,
        settings.max_image_bytes,
        settings.max_dicom_bytes,
        settings.max_infer_bytes,
    )
    return (
        new_open_inference_router(
            components.predictions, limits, timer, served, components.decoders
        ),
        new_open_inference_health_router(served, components.health),
        new_open_inference_models_router(served, components.control.current),
    )
