"""The HTTP application over the parts."""

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from gateway.adapters.metrics import GatewayMetrics, LoadCollector
from gateway.core.recent_problems import RecentProblems
from gateway.http.app import new_app
from gateway.http.direct_route import DirectRoutes
from gateway.http.limits import HttpLimits, InferLimits
from gateway.http.measuring import MeasuringMiddleware
from gateway.http.open_inference import new_open_inference_router
from gateway.http.open_inference_errors import OpenInferenceErrors
from gateway.http.open_inference_models import (
    ServedModel,
    new_open_inference_health_router,
    new_open_inference_models_router,
)
from gateway.http.predictions import new_outcomes_router, new_predictions_router
from gateway.http.status import Watched, new_status_router
from gateway.http.timing import AnswerTimer
from gateway.main.control_plane import new_control_routers
from gateway.main.gate import new_browser_gate, new_gate
from gateway.main.parts import Parts
from gateway.settings import Settings
from shared.clock import Clock, new_id
from shared.observability.health_router import new_health_router


def new_http_side(settings: Settings, parts: Parts, clock: Clock) -> ASGIApp:
    """Make every route, see who may enter, and count and time what is answered."""
    metrics_registry = CollectorRegistry()
    metrics = GatewayMetrics(metrics_registry)
    metrics_registry.register(LoadCollector(parts.predictions.report, lambda: parts.lag.lags))
    timer = AnswerTimer(clock.monotonic_s, metrics.observe_stage)
    problems = RecentProblems()
    app = new_routes(settings, parts, clock, metrics_registry, timer, problems)

    def note_problem(code: str, status: int, route: str) -> None:
        problems.note(code, status, route, clock.now_ms())

    return MeasuringMiddleware(
        new_browser_gate(
            OpenInferenceErrors(new_gate(DirectRoutes(app), settings, clock)), settings
        ),
        metrics.observe,
        clock.monotonic_s,
        new_id,
        parts.tracer,
        note_problem=note_problem,
    )


def new_routes(
    settings: Settings,
    parts: Parts,
    clock: Clock,
    metrics_registry: CollectorRegistry,
    timer: AnswerTimer,
    problems: RecentProblems,
) -> FastAPI:
    """Make every route there is."""
    watched = Watched(
        count_predictions=lambda: parts.predictions.predictions,
        broker_reachable=lambda: parts.probe.reachable,
        readiness=parts.health,
        load=parts.predictions.report,
        lags=parts.lag.lags.items,
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
        new_predictions_router(parts.predictions, limits, timer, parts.decoders),
        new_outcomes_router(parts.predictions),
        *_new_open_inference_routers(settings, parts, clock, timer),
        new_status_router(parts.cluster, clock, watched, model_name=settings.model_name),
        new_health_router(parts.readiness, metrics_registry, parts.dependencies),
        *new_control_routers(settings, parts.control, parts.cluster, clock),
    )


def _new_open_inference_routers(
    settings: Settings, parts: Parts, clock: Clock, timer: AnswerTimer
) -> tuple[APIRouter, ...]:
    served = ServedModel(
        lambda: parts.cluster.current_model(settings.model_name),
        lambda: parts.cluster.workers(clock.now_ms()),
    )
    limits = InferLimits(
        settings.default_wait_s,
        settings.max_wait_s,
        settings.max_image_bytes,
        settings.max_dicom_bytes,
        settings.max_infer_bytes,
    )
    return (
        new_open_inference_router(parts.predictions, limits, timer, served, parts.decoders),
        new_open_inference_health_router(served, parts.health),
        new_open_inference_models_router(served, parts.control.current),
    )
