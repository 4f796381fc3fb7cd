"""RFC 9457 problem details, and the only table from code to status."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from registry.core.refusals import Code, Refuse, RegistryCode
from registry.ports import ArtifactsUnavailableError, StoreUnavailableError
from shared.contracts.errors import ErrorCode

_log = structlog.get_logger(__name__)

STATUS: Mapping[Code, HTTPStatus] = {
    ErrorCode.MALFORMED_REQUEST: HTTPStatus.BAD_REQUEST,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    ErrorCode.CONFLICT: HTTPStatus.CONFLICT,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    RegistryCode.LEASE_HELD: HTTPStatus.CONFLICT,
    RegistryCode.LEASE_LOST: HTTPStatus.CONFLICT,
    RegistryCode.MISSING_ARTIFACTS: HTTPStatus.CONFLICT,
    RegistryCode.MODE_NOT_OFFERED: HTTPStatus.CONFLICT,
    RegistryCode.MODEL_IN_USE: HTTPStatus.CONFLICT,
    RegistryCode.TOO_MANY_JOBS: HTTPStatus.CONFLICT,
    RegistryCode.RANGE_NOT_SATISFIABLE: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    RegistryCode.CHECKSUM_MISMATCH: HTTPStatus.UNPROCESSABLE_ENTITY,
    RegistryCode.INVALID_MANIFEST: HTTPStatus.UNPROCESSABLE_ENTITY,
    RegistryCode.TOO_FEW_DATA: HTTPStatus.UNPROCESSABLE_ENTITY,
    RegistryCode.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}

_FRAMEWORK_CODES: Mapping[int, Code] = {
    HTTPStatus.NOT_FOUND: ErrorCode.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: ErrorCode.METHOD_NOT_ALLOWED,
}


class ProblemWriter:
    """Turns refusals and failures into answers. new_id: names each answer, for the log."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id

    def respond(
        self,
        refusal: Refuse,
        headers: Mapping[str, str] | None = None,
        *,
        cause: Exception | None = None,
    ) -> JSONResponse:
        """Answer one refusal. cause: for the log alone, which tells where it came from."""
        status = STATUS[refusal.code]
        problem_id = self._new_id()
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            code = refusal.code.value
            _log.error("request failed", request_id=problem_id, code=code, exc_info=cause)
        body = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "code": refusal.code.value,
            "detail": refusal.detail,
            "id": problem_id,
        }
        extra = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
        return JSONResponse(
            body,
            status_code=status,
            headers={**extra, **(headers or {})},
            media_type="application/problem+json",
        )

    def install(self, app: FastAPI) -> None:
        """Give every error of `app` the same form."""

        async def on_failure(_request: Request, error: Exception) -> JSONResponse:
            detail = "The registry's storage does not answer; try again."
            return self.respond(Refuse(RegistryCode.STORAGE_UNAVAILABLE, detail), cause=error)

        async def on_framework_error(_request: Request, error: HTTPException) -> JSONResponse:
            code = _FRAMEWORK_CODES.get(error.status_code, ErrorCode.MALFORMED_REQUEST)
            return self.respond(Refuse(code, f"{error.detail}."), error.headers)

        async def on_invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
            places = "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
            )
            return self.respond(Refuse(ErrorCode.MALFORMED_REQUEST, places))

        async def on_hang_up(_request: Request, _error: Exception) -> JSONResponse:
            return self.respond(Refuse(ErrorCode.MALFORMED_REQUEST, "The body was cut short."))

        async def on_bug(_request: Request, error: Exception) -> JSONResponse:
            refusal = Refuse(ErrorCode.INTERNAL, "The registry made a mistake.")
            return self.respond(refusal, cause=error)

        handlers: Mapping[type[Exception], Any] = {
            StoreUnavailableError: on_failure,
            ArtifactsUnavailableError: on_failure,
            HTTPException: on_framework_error,
            RequestValidationError: on_invalid,
            ClientDisconnect: on_hang_up,
            Exception: on_bug,
        }
        for kind, handler in handlers.items():
            app.add_exception_handler(kind, handler)


def problem_responses(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """Describe, for OpenAPI, which problems a route may answer."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status = STATUS[code]
        known = by_status.get(status.value, {}).get("description")
        words = f"{known}, {code.value}" if known else code.value
        by_status[status.value] = {
            "description": words,
            "content": {"application/problem+json": {}},
        }
    return by_status
