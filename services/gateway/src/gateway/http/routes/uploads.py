"""POST /v1/uploads, and /upload-data of the first version: labelled images."""

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
        "Too many uploads are in progress.",
    ),
    ClientUploadsBusyError: (
        ErrorCode.RATE_LIMITED,
        "Too many uploads of this client are in progress.",
    ),
    SpoolFullError: (
        ErrorCode.OVERLOADED,
        "The gateway's disk has no space for this upload. Try again later, or send fewer files.",
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
    """A rejected file, with the reason."""

    filename: str | None
    code: str
    detail: str


class UploadAnswer(BaseModel):
    """The result of every file."""

    accepted_count: int
    rejected_count: int
    accepted: list[AcceptedUpload]
    rejected: list[RejectedUpload]


class SeedUploadAnswer(UploadAnswer):
    """The result of every file, with the fields of the first version."""

    message: str
    uploaded: int


_CONFIRMED = "Every accepted image is confirmed by the broker."
_BINARY = {"type": "string", "format": "binary"}
_LABEL = {"type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$"}
_WORD = {"type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$"}
_NEW_CLASS: dict[str, Any] = {
    "type": "boolean",
    "default": False,
    "description": "Allow a label that the current model does not know.",
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
    """Serve uploads: the route of the first version and the versioned one."""
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
        """Store labelled images or DICOM files for training; the response lists every file.

        Send a form with `label` and one or more `files`, or a ZIP whose folders are the labels,
        as a file of the form or as the body. Query parameters apply to a ZIP body; a form has
        fields. An image is stored once, however often it is sent.
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
        """Store labelled images, with the fields of the first version."""
        taken = await _take(request, service, new_spool, limits)
        if isinstance(taken, Response):
            return taken
        count = len(taken.accepted)
        summary = {"message": f"Images accepted: {count}.", "uploaded": count}
        return json_response(summary | _lists(taken), 202)

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
        _log.error("upload refused, temporary folder is full or not writable", cause=str(error))
    return problem(code, detail, headers=RETRY_SOON)


def _interrupted(error: UploadInterruptedError) -> Response:
    report = error.report
    if error.refused is not None:
        _log.error("upload refused by the broker", reason=str(error.refused))
        code, detail = describe_broker_refusal(error.refused)
        return problem(code, detail, extra=_lists(report))
    detail = (
        f"The message broker stopped confirming. {len(report.accepted)} images are stored, see "
        "`accepted`. Send the whole request again: stored images are not stored twice."
    )
    headers = {"Retry-After": "5"}
    return problem(ErrorCode.BROKER_UNAVAILABLE, detail, headers=headers, extra=_lists(report))


def _lists(report: UploadResult) -> dict[str, object]:
    # Counts first: they show at the beginning of a long line.
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
