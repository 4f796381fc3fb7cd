"""GET /v2: health and model metadata of the Open Inference Protocol."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from gateway.core.faults import Fault
from gateway.core.open_inference_answers import describe_model
from gateway.core.served_models import choose_model, is_loaded
from gateway.http.app import VERSION
from gateway.http.formats.problems import ProblemError, Responses, problem_responses
from gateway.http.formats.request_bodies import json_body, read_json_body
from gateway.http.formats.responses import json_response
from gateway.service.models import CurrentModelTracker
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.control_client import RegistryUnavailableError

_NOT_READY: Responses = {503: {"description": "Not ready yet."}}
_MISSING = problem_responses(ErrorCode.NOT_FOUND)
_UNREADABLE = problem_responses(
    ErrorCode.MALFORMED_REQUEST, ErrorCode.TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE
)


@dataclass(frozen=True, slots=True)
class ModelSelector:
    """current: from `models.events`. workers: those with a recent status report."""

    current: Callable[[], ModelPromoted | None]
    workers: Callable[[], tuple[WorkerStatus, ...]]

    def require(self, name: str, version: str | None) -> ModelPromoted:
        """Return the requested model. Raises ProblemError: NOT_FOUND."""
        chosen = choose_model(self.current(), name, version)
        if isinstance(chosen, Fault):
            raise ProblemError(chosen.code, chosen.detail)
        return chosen

    def is_ready(self, version: str | None = None) -> bool:
        """Return whether a worker has loaded it."""
        return is_loaded(self.workers(), version)


class IndexFilter(BaseModel):
    """ready: only models that are ready."""

    ready: bool = False


def new_open_inference_health_router(
    served: ModelSelector, readiness: Callable[[], Mapping[str, bool]]
) -> APIRouter:
    """Serve server metadata, and liveness and readiness of server and model."""
    router = APIRouter(tags=["open inference protocol"])

    @router.get("/v2")
    async def server() -> Response:
        """Return the server's name, version and supported extensions."""
        metadata = {"name": "pneumostream", "version": VERSION}
        return json_response({**metadata, "extensions": ["binary_tensor_data"]})

    @router.get("/v2/health/live")
    async def live() -> Response:
        """Return 200 while the event loop runs."""
        return json_response({"live": True})

    @router.get("/v2/health/ready", responses=_NOT_READY)
    async def ready() -> Response:
        """Return whether predictions are served: the broker is reachable and a worker is ready."""
        holds = all(readiness().values()) and served.current() is not None and served.is_ready()
        return json_response({"ready": holds}, 200 if holds else 503)

    @router.get("/v2/models/{name}/ready", responses=_NOT_READY | _MISSING)
    async def model_ready(name: str) -> Response:
        """Return whether a worker has loaded the model."""
        return _readiness(served, name, None)

    @router.get("/v2/models/{name}/versions/{version}/ready", responses=_NOT_READY | _MISSING)
    async def version_ready(name: str, version: str) -> Response:
        """Return whether a worker has loaded this version; only the current one is found."""
        return _readiness(served, name, version)

    return router


def new_open_inference_models_router(
    served: ModelSelector, record: CurrentModelTracker
) -> APIRouter:
    """Serve the model's metadata. record: its classes, if the registry was reachable."""
    router = APIRouter(tags=["open inference protocol"])

    async def describe(name: str, version: str | None) -> Response:
        model = served.require(name, version)
        classes = await _classes(record, model.version)
        return json_response(describe_model(model.name, model.version, classes))

    @router.get("/v2/models/{name}", responses=_MISSING)
    async def model(name: str) -> Response:
        """Return the tensors of the current model."""
        return await describe(name, None)

    @router.get("/v2/models/{name}/versions/{version}", responses=_MISSING)
    async def model_version(name: str, version: str) -> Response:
        """Return the tensors of a version; only the current one is found."""
        return await describe(name, version)

    @router.post(
        "/v2/repository/index",
        responses=_UNREADABLE,
        openapi_extra={"requestBody": {"content": json_body(IndexFilter)}},
    )
    async def index(request: Request) -> Response:
        """List the models: the current one, if any."""
        wanted = await read_json_body(request, IndexFilter)
        current, is_ready = served.current(), served.is_ready()
        listed = current is not None and (is_ready or not wanted.ready)
        models = [_listed(current, is_ready=is_ready)] if current and listed else []
        return Response(orjson.dumps(models), media_type="application/json")

    return router


def _readiness(served: ModelSelector, name: str, version: str | None) -> Response:
    model = served.require(name, version)
    holds = served.is_ready(version)
    return json_response({"name": model.name, "ready": holds}, 200 if holds else 503)


async def _classes(record: CurrentModelTracker, version: str) -> tuple[str, ...] | None:
    try:
        present = await record.present()
    except RegistryUnavailableError:
        return None
    return present.classes if present is not None and present.version == version else None


def _listed(model: ModelPromoted, *, is_ready: bool) -> dict[str, Any]:
    state, reason = ("READY", "") if is_ready else ("UNAVAILABLE", "no worker has it")
    return {"name": model.name, "version": model.version, "state": state, "reason": reason}
