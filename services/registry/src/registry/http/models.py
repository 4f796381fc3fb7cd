"""Models: list, look up, register, promote, roll back."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import JSONResponse

from registry.core.refusals import Refuse, RegistryCode
from registry.http.bodies import read_json_body
from registry.http.problems import ProblemWriter, problem_responses
from registry.service.models import ModelService
from registry.service.retention import RetentionService
from shared.contracts.bundle import Version
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelRecord

_Limit = Annotated[int, Query(ge=1, le=1000)]
MAX_MANIFEST_BYTES = 1024 * 1024

_RECORD: dict[str, Any] = {"model": ModelRecord}


def new_models_router(service: ModelService, problems: ProblemWriter) -> APIRouter:
    """Serve what the registry knows of models."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models")
    async def list_models(
        *, limit: _Limit = 200, before: Annotated[Version | None, Query()] = None
    ) -> Response:
        """The newest versions, oldest first.

        before: of those registered before this version. A header `Link` names the page of older
        versions, if there may be one.
        """
        records = await service.models(limit, before)
        older = f'</v1/models?limit={limit}&before={records[0].version}>; rel="next"' if (
            len(records) == limit
        ) else None  # fmt: skip
        body = {"models": [record.model_dump(mode="json") for record in records]}
        return JSONResponse(body, headers={} if older is None else {"Link": older})

    @router.get(
        "/v1/models/current",
        responses={200: _RECORD, **problem_responses(ErrorCode.NOT_FOUND)},
    )
    async def current_model() -> Response:
        """The promoted version; 404 before the first promotion."""
        return _answer(await service.current(), problems)

    @router.get(
        "/v1/models/{version}",
        responses={200: _RECORD, **problem_responses(ErrorCode.NOT_FOUND)},
    )
    async def model(version: str) -> Response:
        """One version, whatever its state."""
        return _answer(await service.model(version), problems)

    return router


def new_registration_router(service: ModelService, problems: ProblemWriter) -> APIRouter:
    """Serve the making of candidates."""
    router = APIRouter(tags=["models"])

    @router.post(
        "/v1/models",
        status_code=status.HTTP_201_CREATED,
        responses={
            200: {"description": "The same bytes were registered before.", **_RECORD},
            201: _RECORD,
            **problem_responses(
                ErrorCode.CONFLICT,
                ErrorCode.UNSUPPORTED_MEDIA_TYPE,
                RegistryCode.MISSING_ARTIFACTS,
                ErrorCode.TOO_LARGE,
                RegistryCode.INVALID_MANIFEST,
            ),
        },
    )
    async def register(request: Request) -> Response:
        """Make a candidate; the body is a manifest whose files were all uploaded."""
        body = await read_json_body(request, MAX_MANIFEST_BYTES)
        outcome = body if isinstance(body, Refuse) else await service.register(body)
        if isinstance(outcome, Refuse):
            return problems.respond(outcome)
        code = status.HTTP_201_CREATED if outcome.created else status.HTTP_200_OK
        return _answer(outcome.record, problems, code)

    return router


def new_deletions_router(service: RetentionService, problems: ProblemWriter) -> APIRouter:
    """Serve the deletion of versions."""
    router = APIRouter(tags=["models"])

    @router.delete(
        "/v1/models/{version}",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=problem_responses(ErrorCode.NOT_FOUND, RegistryCode.MODEL_IN_USE),
    )
    async def delete(version: str) -> Response:
        """Delete a version; its files follow an hour later. The same again changes nothing."""
        refusal = await service.delete(version)
        if refusal is not None:
            return problems.respond(refusal)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    return router


def new_promotions_router(service: ModelService, problems: ProblemWriter) -> APIRouter:
    """Serve the two changes of the current model."""
    router = APIRouter(tags=["models"])

    @router.post(
        "/v1/models/rollback",
        responses={200: _RECORD, **problem_responses(ErrorCode.CONFLICT)},
    )
    async def roll_back(from_version: str | None = None) -> Response:
        """Make the model before the current one current again.

        from_version: the model that the caller takes for current; 409 if it is not, which makes
        the request safe to repeat.
        """
        return _answer(await service.roll_back(from_version), problems)

    @router.post(
        "/v1/models/{version}/promote",
        responses={200: _RECORD, **problem_responses(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)},
    )
    async def promote(version: str, *, again: bool = False) -> Response:
        """Make a version current; idempotent.

        again: announce the version once more if it is current, so that workers which refused it
        try again.
        """
        return _answer(await service.promote(version, again=again), problems)

    return router


def _answer(
    outcome: ModelRecord | Refuse, problems: ProblemWriter, code: int = status.HTTP_200_OK
) -> Response:
    if isinstance(outcome, Refuse):
        return problems.respond(outcome)
    return Response(outcome.to_bytes(), status_code=code, media_type="application/json")
