"""Errors as RFC 9457 problem details, and the table from error code to HTTP status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from gateway.ports import FaultError
from shared.contracts.errors import ErrorCode
from shared.control_client import NO_CODE, ControlRefusedError, RegistryUnavailableError
from shared.http.problems import MEDIA_TYPE, ProblemResponse
from shared.kafka.publisher import RecordRefusedError

_log = structlog.get_logger(__name__)

STATUS: Mapping[ErrorCode, HTTPStatus] = {
    ErrorCode.MALFORMED_REQUEST: HTTPStatus.BAD_REQUEST,
    ErrorCode.MISSING_FIELD: HTTPStatus.BAD_REQUEST,
    ErrorCode.EMPTY_FILE: HTTPStatus.BAD_REQUEST,
    ErrorCode.REQUEST_TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    ErrorCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.HOST_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    ErrorCode.CROSS_SITE_REQUEST: HTTPStatus.FORBIDDEN,
    ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    ErrorCode.NOT_ACCEPTABLE: HTTPStatus.NOT_ACCEPTABLE,
    ErrorCode.CONFLICT: HTTPStatus.CONFLICT,
    ErrorCode.INVALID_LABEL: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.UNKNOWN_LABEL: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.UNSAFE_NAME: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.UNSUPPORTED_ENTRY: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.TOO_COMPRESSED: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.TOO_FEW_PIXELS: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.TOO_MANY_FILES: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.NOTHING_ACCEPTED: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.TOO_MANY_PIXELS: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.UNSUPPORTED_DICOM: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.UNDECODABLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.INFERENCE_FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.WORKER_CRASHED: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.BROKER_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.REGISTRY_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}

_KNOWN_STATUSES = frozenset(status.value for status in HTTPStatus)
_FRAMEWORK_CODES = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}

UNKNOWN_PATH = "There is no such path. /docs lists all paths, none of which ends with a slash."

_HEADERS = {
    # The rest of the body is not read.
    ErrorCode.REQUEST_TIMEOUT: {"Connection": "close"},
    ErrorCode.OVERLOADED: {"Retry-After": "1"},
}

Responses = dict[int | str, dict[str, Any]]
"""The type of FastAPI's `responses=`."""

PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {
            "type": "string",
            "description": "Stable. The gateway's own: "
            + ", ".join(code.value for code in ErrorCode)
            + ". Codes of the registry are passed on.",
        },
        "detail": {"type": "string"},
        "id": {"type": "string", "description": "The prediction's id, once it has one."},
        "accepted_count": {"type": "integer"},
        "rejected_count": {"type": "integer"},
        "accepted": {"type": "array", "items": {"type": "object"}},
        "rejected": {"type": "array", "items": {"type": "object"}},
    },
}


class ProblemError(Exception):
    """Ends a request with a problem response."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def problem(
    code: ErrorCode,
    detail: str,
    *,
    id_: str | None = None,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Response:
    """Return a problem response. extra: further members of this problem."""
    named: Mapping[str, object] = {} if id_ is None else {"id": id_}
    return ProblemResponse(
        STATUS[code], code.value, detail, headers=headers, extra={**named, **(extra or {})}
    )


def registry_refusal(refused: ControlRefusedError) -> Response:
    """Pass a refusal of the registry on; one that is not a problem document becomes one."""
    if refused.code != NO_CODE and refused.status in _KNOWN_STATUSES:
        return ProblemResponse(HTTPStatus(refused.status), refused.code, refused.detail)
    code = _FRAMEWORK_CODES.get(refused.status, ErrorCode.MALFORMED_REQUEST)
    return problem(code, "The registry refused the request.")


def problem_responses(*codes: ErrorCode) -> Responses:
    """Describe, for OpenAPI, the problem responses of a route."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        by_status.setdefault(STATUS[code].value, []).append(code.value)
    return {
        status: {
            "description": "Problem: " + ", ".join(names),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, names in by_status.items()
    }


def success_responses(
    model: type[BaseModel], status: int = 200, description: str = ""
) -> Responses:
    """Describe, for OpenAPI, the success response of a route."""
    return {status: {"model": model} | ({"description": description} if description else {})}


def describe_broker_refusal(error: RecordRefusedError) -> tuple[ErrorCode, str]:
    """Return code and detail for a record that the broker rejects permanently."""
    if error.too_large:
        return ErrorCode.TOO_LARGE, "The image is larger than the message broker accepts."
    return (
        ErrorCode.INTERNAL,
        "The message broker rejects the image. The operator has to correct its configuration.",
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error, the framework's own included, with a problem document."""
    _install_broker_handler(app)

    @app.exception_handler(ProblemError)
    async def refused(_: Request, error: ProblemError) -> Response:
        return problem(error.code, error.detail, headers=_HEADERS.get(error.code))

    @app.exception_handler(FaultError)
    async def faulty(_: Request, error: FaultError) -> Response:
        return problem(error.fault.code, error.fault.detail)

    @app.exception_handler(ControlRefusedError)
    async def refused_by_registry(_: Request, error: ControlRefusedError) -> Response:
        return registry_refusal(error)

    @app.exception_handler(RegistryUnavailableError)
    async def registry_away(_: Request, error: RegistryUnavailableError) -> Response:
        _log.warning("registry unavailable", reason=str(error))
        detail = "The registry did not answer. Predictions are still served."
        return problem(ErrorCode.REGISTRY_UNAVAILABLE, detail, headers={"Retry-After": "5"})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        where = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors())
        return problem(ErrorCode.MALFORMED_REQUEST, where)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> Response:
        code = _FRAMEWORK_CODES.get(error.status_code, ErrorCode.MALFORMED_REQUEST)
        detail = UNKNOWN_PATH if code is ErrorCode.NOT_FOUND else str(error.detail)
        return problem(code, detail, headers=error.headers)

    @app.exception_handler(Exception)
    async def bug(_request: Request, _error: Exception) -> Response:
        return problem(ErrorCode.INTERNAL, "The gateway failed unexpectedly.")


def _install_broker_handler(app: FastAPI) -> None:
    @app.exception_handler(RecordRefusedError)
    async def refused_by_broker(_: Request, error: RecordRefusedError) -> Response:
        _log.error("record refused by the broker", reason=str(error))
        code, detail = describe_broker_refusal(error)
        return problem(code, detail)
