"""GET /v1/models, promotion and rollback: passed on to the registry."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, TypeAdapter, ValidationError

from gateway.http.formats.problems import ProblemError, problem_responses, success_responses
from gateway.http.formats.responses import json_response
from gateway.service.models import CurrentModelTracker, read_card
from shared.contracts.bundle import Lineage, Manifest, Version
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelRecord, ModelState, WorkerStatus
from shared.control_client import ControlClient

_VERSION: TypeAdapter[str] = TypeAdapter(Version)


class ModelSummary(BaseModel):
    """One model version: its state, classes, metrics and lineage."""

    name: str
    version: str
    state: ModelState
    bundle_sha256: str
    classes: tuple[str, ...]
    metrics: dict[str, float]
    lineage: Lineage
    created_at_ms: int
    promoted_at_ms: int | None


class ModelDetail(ModelSummary):
    """A model version with its manifest, and its model card if the bundle has one."""

    manifest: Manifest
    card: dict[str, Any] | None


class ModelList(BaseModel):
    """Every version, oldest first."""

    models: list[ModelSummary]


class WorkerModel(BaseModel):
    """The model that one worker has loaded; refusal fields only while it refuses a version.

    paused: only while it consumes nothing because too many requests became dead letters.
    """

    id: str
    version: str | None
    ready: bool
    refused_version: str | None = None
    refusal_code: str | None = None
    refusal: str | None = None
    paused: str | None = None


class CurrentModelAnswer(BaseModel):
    """The current model and the workers. classes: null while unknown."""

    name: str
    version: str
    classes: tuple[str, ...] | None
    workers: list[WorkerModel]


_AWAY = problem_responses(ErrorCode.REGISTRY_UNAVAILABLE)
_MISSING = problem_responses(ErrorCode.NOT_FOUND) | _AWAY
_CHANGED = success_responses(ModelSummary) | problem_responses(
    ErrorCode.NOT_FOUND, ErrorCode.CONFLICT, ErrorCode.REGISTRY_UNAVAILABLE
)


def new_current_model_router(
    current: CurrentModelTracker, workers: Callable[[], tuple[WorkerStatus, ...]]
) -> APIRouter:
    """Serve the current model. workers: those with a recent status report."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models/current", responses=success_responses(CurrentModelAnswer) | _MISSING)
    async def current_model() -> Response:
        """Return the current model, and the version that each worker has loaded."""
        present = await current.present()
        if present is None:
            raise ProblemError(ErrorCode.NOT_FOUND, "There is no current model yet.")
        model = {"name": present.name, "version": present.version, "classes": present.classes}
        return json_response({**model, "workers": [_loaded(status) for status in workers()]})

    return router


def new_models_router(control: ControlClient) -> APIRouter:
    """Serve all versions. A version is immutable; only its state changes."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", responses=success_responses(ModelList) | _AWAY)
    async def list_models() -> Response:
        """Return every version, oldest first."""
        records = await control.list_models()
        return json_response({"models": [_summary(record) for record in records]})

    @router.get("/v1/models/{version}", responses=success_responses(ModelDetail) | _MISSING)
    async def read_model(version: str) -> Response:
        """Return one version with its metrics, lineage and model card."""
        record = await control.model(known_version(version))
        more = {"manifest": record.manifest.model_dump(), "card": await read_card(control, record)}
        return json_response(_summary(record) | more)

    return router


def new_promotions_router(control: ControlClient) -> APIRouter:
    """Serve promotion and rollback; workers follow the events of both."""
    router = APIRouter(tags=["models"])

    @router.post("/v1/models/rollback", responses=_CHANGED)
    async def roll_back(from_version: Annotated[str | None, Query()] = None) -> Response:
        """Re-activate the previous model.

        from_version: the version that the caller expects to be current; with it, a repeated
        request is a conflict instead of a second rollback.
        """
        known = None if from_version is None else known_version(from_version)
        return json_response(_summary(await control.roll_back(known)))

    @router.post("/v1/models/{version}/promote", responses=_CHANGED)
    async def promote(version: str, *, again: bool = False) -> Response:
        """Make a version current; no effect if it already is.

        again: announce the current version once more, so that workers that refused it retry.
        """
        return json_response(_summary(await control.promote(known_version(version), again=again)))

    return router


def known_version(version: str) -> str:
    """Return a well-formed model version. Raises ProblemError: NOT_FOUND."""
    try:
        return _VERSION.validate_python(version)
    except ValidationError as error:
        raise ProblemError(ErrorCode.NOT_FOUND, "Unknown model version.") from error


def _summary(record: ModelRecord) -> dict[str, Any]:
    own = ("name", "version", "state", "bundle_sha256", "created_at_ms", "promoted_at_ms")
    manifest = record.manifest.model_dump(include={"classes", "metrics", "lineage"})
    return record.model_dump(include=set(own)) | manifest


def _loaded(status: WorkerStatus) -> dict[str, Any]:
    loaded = {"id": status.id, "version": status.version, "ready": status.ready}
    only_if = ("refused_version", "refusal_code", "refusal", "paused")
    named = status.model_dump(include=set(only_if))
    return loaded | {name: named[name] for name in only_if if named[name] is not None}
