"""POST /v1/uploads, and the seed's /upload-data: labelled images in."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from gateway.core.uploads import UploadResult, summarise
from gateway.http.formats.problems import (
    describe_broker_refusal,
    problem,
    problem_responses,
    success_responses,
)
from gateway.http.formats.responses import RETRY_SOON, json_response
from gateway.http.formats.upload_form import read_upload_form
from gateway.http.limits import UploadBodyLimits
from gateway.http.request_identity import client_of
from gateway.ports import Spool, SpoolFullError
from gateway.service.uploads import (
    ClientUploadsBusyError,
    UploadInterruptedError,
    UploadsBusyError,
    UploadService,
)
from shared.contracts.errors import ErrorCode

_log = structlog.get_logger(__name__)

_PASSING: dict[type[Exception], tuple[ErrorCode, str]] = {
    UploadsBusyError: (
        ErrorCode.OVERLOADED,
        "As many uploads as the gateway takes are under way.",
    ),
    ClientUploadsBusyError: (
        ErrorCode.RATE_LIMITED,
        "As many uploads as one client may send at once are under way.",
    ),
    SpoolFullError: (
        ErrorCode.OVERLOADED,
        "The gateway's disk has no room for this upload. Try again later, or send fewer files.",
    ),
}

NewSpool = Callable[[], AbstractContextManager[Spool]]


class AcceptedUpload(BaseModel):
    """An image that the broker has confirmed. upload_id: the same for all of one request."""

    id: str
    sha256: str
    filename: str | None
    label: str
    upload_id: str


class RejectedUpload(BaseModel):
    """A file that was not taken, and why."""

    filename: str | None
    code: str
    detail: str


class UploadAnswer(BaseModel):
    """What became of every file."""

    accepted_count: int
    rejected_count: int
    accepted: list[AcceptedUpload]
    rejected: list[RejectedUpload]


class SeedUploadAnswer(UploadAnswer):
    """The same, with the seed's words on top."""

    message: str
    uploaded: int


_CONFIRMED = "Every accepted image is confirmed by the broker."
_BINARY = {"type": "string", "format": "binary"}
_LABEL = {"type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$"}
_WORD = {"type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$"}
_NEW_CLASS: dict[str, Any] = {
    "type": "boolean",
    "default": False,
    "description": "The label may be one that the current model does not know.",
}
_OPTIONAL: dict[str, dict[str, Any]] = {
    "patient_id": _WORD,
    "source": _WORD,
    "new_class": _NEW_CLASS,
}
_PROBLEMS = problem_responses(
    ErrorCode.MALFORMED_REQUEST,
    ErrorCode.MISSING_FIELD,
    ErrorCode.EMPTY_FILE,
    ErrorCode.TOO_LARGE,
    ErrorCode.TOO_MANY_PIXELS,
    ErrorCode.TOO_MANY_FILES,
    ErrorCode.TOO_COMPRESSED,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.UNSUPPORTED_DICOM,
    ErrorCode.UNDECODABLE,
    ErrorCode.TOO_FEW_PIXELS,
    ErrorCode.INVALID_LABEL,
    ErrorCode.UNKNOWN_LABEL,
    ErrorCode.UNSAFE_NAME,
    ErrorCode.UNSUPPORTED_ENTRY,
    ErrorCode.NOTHING_ACCEPTED,
    ErrorCode.OVERLOADED,
    ErrorCode.BROKER_UNAVAILABLE,
    ErrorCode.REGISTRY_UNAVAILABLE,
)


def new_uploads_router(
    service: UploadService, new_spool: NewSpool, limits: UploadBodyLimits
) -> APIRouter:
    """Serve uploads: the seed's route and the versioned one."""
    router = APIRouter(tags=["uploads"])

    @router.post(
        "/v1/uploads",
        status_code=202,
        responses=_PROBLEMS | success_responses(UploadAnswer, 202, _CONFIRMED),
        openapi_extra={
            "requestBody": {"required": True, "content": _form("files") | _zip()},
            "parameters": [_query(name, schema) for name, schema in _OPTIONAL.items()],
        },
    )
    async def create_uploads(request: Request) -> Response:
        """Store labelled images, DICOM among them, for training; each is answered for by name.

        A form with `label` and one or many `files`, or a ZIP in which the folder of an image is its
        label, as a file of the form or as the body. The query is for a body that is a ZIP; a form
        has fields. The same image again is stored once.
        """
        taken = await _take(request, service, new_spool, limits)
        return taken if isinstance(taken, Response) else json_response(_lists(taken), 202)

    @router.post(
        "/upload-data",
        status_code=202,
        responses=_PROBLEMS | success_responses(SeedUploadAnswer, 202, _CONFIRMED),
        openapi_extra={"requestBody": {"required": True, "content": _form("files[]") | _zip()}},
    )
    async def upload_data(request: Request) -> Response:
        """Store labelled images, in the form that the first version of this system had."""
        taken = await _take(request, service, new_spool, limits)
        if isinstance(taken, Response):
            return taken
        count = len(taken.accepted)
        said = {"message": f"Images accepted: {count}.", "uploaded": count}
        return json_response(said | _lists(taken), 202)

    return router


async def _take(
    request: Request,
    service: UploadService,
    new_spool: NewSpool,
    limits: UploadBodyLimits,
) -> UploadResult | Response:
    try:
        with service.slot(client_of(request.scope)), new_spool() as spool:
            form = await read_upload_form(request, spool, limits)
            report = await service.take(form, spool)
    except tuple(_PASSING) as error:
        return _refused_for_now(error)
    except UploadInterruptedError as error:
        return _interrupted(error)
    if report.accepted:
        return report
    fault = summarise(report.rejected)
    return problem(fault.code, fault.detail, extra=_lists(report))


def _refused_for_now(error: Exception) -> Response:
    code, detail = _PASSING[type(error)]
    if isinstance(error, SpoolFullError):
        _log.error(
            "upload refused, the folder for temporary files cannot take it", cause=str(error)
        )
    return problem(code, detail, headers=RETRY_SOON)


def _interrupted(error: UploadInterruptedError) -> Response:
    report = error.report
    if error.refused is not None:
        _log.error("upload refused by the broker", reason=str(error.refused))
        code, detail = describe_broker_refusal(error.refused)
        return problem(code, detail, extra=_lists(report))
    detail = (
        f"The message broker stopped confirming; {len(report.accepted)} images are safe, see "
        "`accepted`. Send the whole request again: what is stored already is not stored twice."
    )
    headers = {"Retry-After": "5"}
    return problem(ErrorCode.BROKER_UNAVAILABLE, detail, headers=headers, extra=_lists(report))


def _lists(report: UploadResult) -> dict[str, object]:
    # Counts first: a person reads the beginning of a long line.
    return {
        "accepted_count": len(report.accepted),
        "rejected_count": len(report.rejected),
        "accepted": [asdict(each) for each in report.accepted],
        "rejected": [asdict(each) for each in report.rejected],
    }


def _form(files: str) -> dict[str, Any]:
    properties = {"label": _LABEL, files: {"type": "array", "items": _BINARY}}
    schema = {"type": "object", "required": [files], "properties": properties | _OPTIONAL}
    return {"multipart/form-data": {"schema": schema}}


def _zip() -> dict[str, Any]:
    return {kind: {"schema": _BINARY} for kind in ("application/zip", "application/octet-stream")}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}
