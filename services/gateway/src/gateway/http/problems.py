"""Errors as RFC 9457 problem details: the only table from error code to status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shared.contracts.errors import ErrorCode

STATUS: Mapping[ErrorCode, HTTPStatus] = {
    ErrorCode.MALFORMED_REQUEST: HTTPStatus.BAD_REQUEST,
    ErrorCode.MISSING_FIELD: HTTPStatus.BAD_REQUEST,
    ErrorCode.EMPTY_FILE: HTTPStatus.BAD_REQUEST,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    ErrorCode.CONFLICT: HTTPStatus.CONFLICT,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.TOO_MANY_PIXELS: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.UNDECODABLE: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.INFERENCE_FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.BROKER_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.REGISTRY_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}

Responses = dict[int | str, dict[str, Any]]
"""What FastAPI takes as `responses=`."""

MEDIA_TYPE = "application/problem+json"

PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": [code.value for code in ErrorCode]},
        "detail": {"type": "string"},
        "id": {"type": "string", "description": "The prediction's id, once it has one."},
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
) -> Response:
    """Make the one kind of error response there is."""
    status = STATUS[code]
    body = {
        "type": f"urn:pneumostream:error:{code.value}",
        "title": status.phrase,
        "status": status.value,
        "code": code.value,
        "detail": detail,
    }
    if id_ is not None:
        body["id"] = id_
    return Response(orjson.dumps(body), status.value, dict(headers or {}), MEDIA_TYPE)


def problem_responses(*codes: ErrorCode) -> Responses:
    """Describe, for OpenAPI, the problems that a route may answer."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        by_status.setdefault(STATUS[code].value, []).append(code.value)
    return {
        status: {
            "description": "Problem: " + ", ".join(names),
            "content": {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}},
        }
        for status, names in by_status.items()
    }


def install_problem_handlers(app: FastAPI) -> None:
    """Let the framework's own refusals speak the same language."""

    @app.exception_handler(ProblemError)
    async def refused(_: Request, error: ProblemError) -> Response:
        return problem(error.code, error.detail)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        where = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors())
        return problem(ErrorCode.MALFORMED_REQUEST, where)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> Response:
        codes = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}
        code = codes.get(error.status_code, ErrorCode.MALFORMED_REQUEST)
        return problem(code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def bug(_request: Request, _error: Exception) -> Response:
        return problem(ErrorCode.INTERNAL, "The gateway failed unexpectedly.")
