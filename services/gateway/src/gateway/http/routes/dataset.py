"""GET /v1/dataset and single images: passed on to the registry."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from gateway.core.upload_fields import find_label_fault
from gateway.http.formats.problems import ProblemError, problem_responses, success_responses
from gateway.http.formats.request_bodies import json_body, read_json_body
from gateway.http.formats.responses import json_response
from gateway.ports import FaultError
from gateway.service.class_lookup import ClassLookup
from shared.contracts.bundle import Sha256
from shared.contracts.dataset import DatasetImage, DatasetSummary
from shared.contracts.errors import ErrorCode
from shared.control_client import ControlClient

_IMAGE_PATH = "/v1/dataset/images/{sha256}"
_SHA256: TypeAdapter[str] = TypeAdapter(Sha256)
_IMAGE = success_responses(DatasetImage)
_AWAY = problem_responses(ErrorCode.REGISTRY_UNAVAILABLE)
_MISSING = problem_responses(ErrorCode.NOT_FOUND) | _AWAY
_UNREADABLE = problem_responses(
    ErrorCode.MALFORMED_REQUEST,
    ErrorCode.INVALID_LABEL,
    ErrorCode.UNKNOWN_LABEL,
    ErrorCode.TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
)


class Relabelling(BaseModel):
    """The new label of an image; it resolves a label conflict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str


_PATCH: dict[str, Any] = {"requestBody": {"required": True, "content": json_body(Relabelling)}}


def new_dataset_router(control: ControlClient, classes: ClassLookup) -> APIRouter:
    """Serve metadata of stored images; the uploaded bytes are never served."""
    router = APIRouter(tags=["dataset"])

    @router.get("/v1/dataset", responses=success_responses(DatasetSummary) | _AWAY)
    async def read_dataset() -> Response:
        """Return the number of stored images by class and source, and of label conflicts."""
        return json_response((await control.dataset()).model_dump())

    @router.get(_IMAGE_PATH, responses=_IMAGE | _MISSING)
    async def read_image(sha256: str) -> Response:
        """Return one image's metadata."""
        return json_response((await control.dataset_image(known_sha256(sha256))).model_dump())

    @router.patch(_IMAGE_PATH, responses=_IMAGE | _MISSING | _UNREADABLE, openapi_extra=_PATCH)
    async def relabel_image(sha256: str, request: Request) -> Response:
        """Set an image's label."""
        wanted = await read_json_body(request, Relabelling)
        fault = find_label_fault(wanted.label, (), allow_new_class=True) or find_label_fault(
            wanted.label, await classes.list_all_classes(), allow_new_class=True
        )
        if fault is not None:
            raise FaultError(fault)
        return json_response(
            (await control.relabel_image(known_sha256(sha256), wanted.label)).model_dump()
        )

    @router.delete(_IMAGE_PATH, status_code=204, responses=_MISSING)
    async def delete_image(sha256: str) -> Response:
        """Remove an image from the dataset."""
        await control.delete_image(known_sha256(sha256))
        return Response(status_code=204)

    return router


def known_sha256(sha256: str) -> str:
    """Return the sha256 if it is well-formed. Raises ProblemError: NOT_FOUND."""
    try:
        return _SHA256.validate_python(sha256)
    except ValidationError as error:
        raise ProblemError(ErrorCode.NOT_FOUND, "Unknown image.") from error
