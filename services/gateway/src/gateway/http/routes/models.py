"""GET /v1/models and what changes the current one: passed on to the registry."""

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
    """One model version: where it stands, what it knows, how well, and where it comes from."""

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
    """The same with its whole manifest, and its card if the bundle has one."""

    manifest: Manifest
    card: dict[str, Any] | None


class ModelList(BaseModel):
    """Every version, oldest first."""

    models: list[ModelSummary]


class WorkerModel(BaseModel):
    """What one worker has loaded; the fields of a refusal only while it refuses a version.

    paused: only while it consumes nothing, because too many requests became dead letters.
    """

    id: str
    version: str | None
    ready: bool
    refused_version: str | None = None
    refusal_code: str | None = None
    refusal: str | None = None
    paused: str | None = None


class CurrentModelAnswer(BaseModel):
    """The current model and who serves it. classes: null while nobody can tell."""

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
    """Serve the current model. workers: those heard of lately."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models/current", responses=success_responses(CurrentModelAnswer) | _MISSING)
    async def current_model() -> Response:
        """Say which model is current, and which one each worker has loaded."""
        present = await current.present()
        if present is None:
            raise ProblemError(ErrorCode.NOT_FOUND, "No model is current yet.")
        said = {"name": present.name, "version": present.version, "classes": present.classes}
        return json_response({**said, "workers": [_loaded(status) for status in workers()]})

    return router


def new_models_router(control: ControlClient) -> APIRouter:
    """Serve all versions; they never change, only their state does."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", responses=success_responses(ModelList) | _AWAY)
    async def list_models() -> Response:
        """Give every version, oldest first."""
        records = await control.list_models()
        return json_response({"models": [_summary(record) for record in records]})

    @router.get("/v1/models/{version}", responses=success_responses(ModelDetail) | _MISSING)
    async def read_model(version: str) -> Response:
        """Give one version with its metrics, its lineage and its card."""
        record = await control.model(known_version(version))
        more = {"manifest": record.manifest.model_dump(), "card": await read_card(control, record)}
        return json_response(_summary(record) | more)

    return router


def new_promotions_router(control: ControlClient) -> APIRouter:
    """Serve the two changes of the current model; workers hear of them by event."""
    router = APIRouter(tags=["models"])

    @router.post("/v1/models/rollback", responses=_CHANGED)
    async def roll_back(from_version: Annotated[str | None, Query()] = None) -> Response:
        """Make the model before the current one current again.

        from_version: what the caller takes for current; with it, a repetition is a conflict and
        not a second step back.
        """
        known = None if from_version is None else known_version(from_version)
        return json_response(_summary(await control.roll_back(known)))

    @router.post("/v1/models/{version}/promote", responses=_CHANGED)
    async def promote(version: str, *, again: bool = False) -> Response:
        """Make a version current; the current one changes nothing.

        again: announce the current version once more, so that workers which refused it try again.
        """
        return json_response(_summary(await control.promote(known_version(version), again=again)))

    return router


def known_version(version: str) -> str:
    """Give back what can name a model version. Raises ProblemError: NOT_FOUND."""
    try:
        return _VERSION.validate_python(version)
    except ValidationError as error:
        raise ProblemError(ErrorCode.NOT_FOUND, "No such model version.") from error


def _summary(record: ModelRecord) -> dict[str, Any]:
    own = ("name", "version", "state", "bundle_sha256", "created_at_ms", "promoted_at_ms")
    manifest = record.manifest.model_dump(include={"classes", "metrics", "lineage"})
    return record.model_dump(include=set(own)) | manifest


def _loaded(status: WorkerStatus) -> dict[str, Any]:
    loaded = {"id": status.id, "version": status.version, "ready": status.ready}
    only_if = ("refused_version", "refusal_code", "refusal", "paused")
    named = status.model_dump(include=set(only_if))
    return loaded | {name: named[name] for name in only_if if named[name] is not None}
