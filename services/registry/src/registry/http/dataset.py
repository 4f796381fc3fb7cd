"""The dataset: counted, listed, handed out, relabelled, deleted."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import JSONResponse

from registry.core.dataset_pages import DatasetFilter
from registry.core.refusals import Refuse, RegistryCode
from registry.http.bodies import describe_body, read_message
from registry.http.paths import Digest
from registry.http.problems import ProblemWriter, problem_responses
from registry.ports import AuditLine
from registry.service.dataset import DatasetService
from shared.contracts.dataset import (
    MAX_PAGE_IMAGES,
    Cursor,
    DatasetImage,
    DatasetPage,
    DatasetSnapshot,
    DatasetSummary,
    DeletedImages,
    Label,
    Word,
)
from shared.contracts.errors import ErrorCode
from shared.contracts.message import Message

_MAX_BODY_BYTES = 4 * 1024
_IMAGE: dict[str, Any] = {"model": DatasetImage}
_REFUSALS = problem_responses(ErrorCode.MALFORMED_REQUEST, ErrorCode.NOT_FOUND)
_Limit = Annotated[int, Query(ge=1, le=MAX_PAGE_IMAGES)]
_LabelFilter = Annotated[Label | None, Query()]
_WordFilter = Annotated[Word | None, Query()]
_Cursor = Annotated[Cursor | None, Query()]
_MALFORMED = problem_responses(ErrorCode.MALFORMED_REQUEST)
_MAX_DELETED = 200
"""So many images fit into one answer's time."""


class Decision(Message):
    """Body of PATCH: what the image shows."""

    label: Label


def new_dataset_router(service: DatasetService) -> APIRouter:
    """Serve the dataset as a whole."""
    router = APIRouter(tags=["dataset"])

    @router.get("/v1/dataset", responses={200: {"model": DatasetSummary}})
    async def summary() -> Response:
        """Counts by class and source, and how many images await a decision."""
        return _json(await service.summary())

    @router.get("/v1/dataset/snapshot", responses={200: {"model": DatasetSnapshot}})
    async def snapshot() -> Response:
        """What a training sees now, and its hash."""
        taken = await service.snapshot()
        return Response(await asyncio.to_thread(taken.to_bytes), media_type="application/json")

    @router.get("/v1/dataset/images", responses={200: {"model": DatasetPage}, **_MALFORMED})
    async def images(
        *,
        label: _LabelFilter = None,
        source: _WordFilter = None,
        upload: _WordFilter = None,
        conflict: bool = False,
        limit: _Limit = 100,
        cursor: _Cursor = None,
    ) -> Response:
        """Return the newest images, newest first. conflict: only those that await a decision."""
        wanted = DatasetFilter(label, source, upload, only_conflicts=conflict)
        return _json(await service.list_images(wanted, limit=limit, cursor=cursor))

    return router


def new_images_router(service: DatasetService, problems: ProblemWriter) -> APIRouter:
    """Serve one image at a time."""
    router = APIRouter(tags=["dataset"])

    @router.get("/v1/dataset/images/{sha256}", responses={200: _IMAGE, **_REFUSALS})
    async def image(sha256: Digest) -> Response:
        """What is known of an image."""
        found = await service.image(sha256)
        return problems.respond(found) if isinstance(found, Refuse) else _json(found)

    @router.get(
        "/v1/dataset/images/{sha256}/content",
        response_class=Response,
        responses={
            200: {"content": {"image/*": {}}},
            **problem_responses(
                ErrorCode.MALFORMED_REQUEST, ErrorCode.NOT_FOUND, RegistryCode.STORAGE_UNAVAILABLE
            ),
        },
    )
    async def content(sha256: Digest) -> Response:
        """The image as it was uploaded; ETag is its sha256."""
        found = await service.content(sha256)
        if isinstance(found, Refuse):
            return problems.respond(found)
        headers = {
            "ETag": f'"{sha256}"',
            "Cache-Control": "no-store",  # somebody's radiograph
            "X-Content-Type-Options": "nosniff",
        }
        return Response(found.content, headers=headers, media_type=found.image.content_type)

    @router.get("/v1/dataset/images/{sha256}/audit", responses=_REFUSALS)
    async def audit(sha256: Digest) -> Response:
        """What was done to an image, oldest first; also to one that was deleted."""
        lines = await service.audit(sha256)
        if isinstance(lines, Refuse):
            return problems.respond(lines)
        return JSONResponse({"audit": [_told(line) for line in lines]})

    return router


def new_decisions_router(service: DatasetService, problems: ProblemWriter) -> APIRouter:
    """Serve those who decide on images."""
    router = APIRouter(tags=["dataset"])

    @router.patch(
        "/v1/dataset/images/{sha256}",
        openapi_extra=describe_body(Decision),
        responses={
            200: _IMAGE,
            **_REFUSALS,
            **problem_responses(ErrorCode.TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE),
        },
    )
    async def relabel(sha256: Digest, request: Request) -> Response:
        """Give an image its label; a conflict ends with it."""
        decision = await read_message(request, Decision, _MAX_BODY_BYTES)
        if isinstance(decision, Refuse):
            return problems.respond(decision)
        relabelled = await service.relabel(sha256, decision.label)
        return problems.respond(relabelled) if isinstance(relabelled, Refuse) else _json(relabelled)

    @router.delete("/v1/dataset/images", responses={200: {"model": DeletedImages}, **_MALFORMED})
    async def delete_matching(
        *, upload: _WordFilter = None, source: _WordFilter = None
    ) -> Response:
        """Delete the images of one upload or source, at most 200; repeat while `left` is not 0."""
        if upload is None and source is None:
            detail = "Pass upload, source, or both: all images are never deleted at once."
            return problems.respond(Refuse(ErrorCode.MALFORMED_REQUEST, detail))
        wanted = DatasetFilter(source=source, upload_id=upload)
        return _json(await service.delete_matching(wanted, limit=_MAX_DELETED))

    @router.delete(
        "/v1/dataset/images/{sha256}",
        status_code=status.HTTP_204_NO_CONTENT,
        response_class=Response,
        responses=_REFUSALS,
    )
    async def delete(sha256: Digest) -> Response:
        """Forget an image, bytes and all; idempotent."""
        refusal = await service.delete(sha256)
        if refusal is not None:
            return problems.respond(refusal)
        return Response(status_code=status.HTTP_204_NO_CONTENT)

    return router


def _json(message: Message) -> Response:
    return Response(message.to_bytes(), media_type="application/json")


def _told(line: AuditLine) -> dict[str, object]:
    return {
        "sha256": line.sha256,
        "action": line.action,
        "detail": line.detail,
        "at_ms": line.at_ms,
    }
