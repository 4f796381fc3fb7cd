"""Request bodies as they stream in, bounded from the first byte."""

from collections.abc import AsyncIterator, Collection
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from gateway.http.formats.problems import ProblemError
from shared.contracts.errors import ErrorCode

MAX_JSON_BYTES = 64 * 1024
_MAX_DETAIL_CHARS = 500
_MAX_QUOTED_CHARS = 40
_DRAIN_BYTES = 64 * 1024 * 1024

M = TypeVar("M", bound=BaseModel)


async def bounded_chunks(
    request: Request,
    max_bytes: int,
    too_large: ProblemError,
    *,
    encodings: Collection[str] = (),
) -> AsyncIterator[bytes]:
    """Yield the body's chunks; past the limit, discard the rest and then raise `too_large`.

    encodings: the values of Content-Encoding that the caller decodes; others are refused.
    Most clients read the response only after sending the whole body, so the rest is read up to a
    limit: they then get the response instead of a broken connection.
    """
    content_encoding(request, encodings)
    seen = 0
    try:
        async for chunk in request.stream():
            seen += len(chunk)
            if seen <= max_bytes:
                yield chunk
            elif seen > max_bytes + _DRAIN_BYTES:
                break
    except ClientDisconnect as error:
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The request body ended early.") from error
    if seen > max_bytes:
        raise too_large


def content_encoding(request: Request, known: Collection[str] = ()) -> str | None:
    """Return the body's Content-Encoding if it is one of `known`; None: the body is not encoded.

    Raises ProblemError, UNSUPPORTED_MEDIA_TYPE, for any other.
    """
    encoding = ",".join(request.headers.getlist("content-encoding")).strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in known:
        return encoding
    forms = " or ".join(["without encoding", *(f"as {name}" for name in known)])
    named = f"Content-Encoding {encoding[:_MAX_QUOTED_CHARS]!r}"
    detail = f"{named} is not supported. Send the body {forms}."
    raise ProblemError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, detail)


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """Describe a JSON body, for OpenAPI."""
    return {"application/json": {"schema": kind.model_json_schema()}}


async def read_json_body(request: Request, kind: type[M]) -> M:
    """Read a small JSON body; an empty body counts as an empty object.

    Raises ProblemError: TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, MALFORMED_REQUEST.
    """
    body = bytearray()
    limit = f"The body has more than {MAX_JSON_BYTES // 1024} KiB."
    too_large = ProblemError(ErrorCode.TOO_LARGE, limit)
    async for chunk in bounded_chunks(request, MAX_JSON_BYTES, too_large):
        body += chunk
    media_type, _ = parse_options_header(request.headers.get("content-type", ""))
    if body and media_type != b"application/json":
        raise ProblemError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
    try:
        return kind.model_validate_json(bytes(body) or b"{}")
    except ValidationError as error:
        places = (f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        # Field names come from the client, so their length is bounded.
        detail = "; ".join(places)[:_MAX_DETAIL_CHARS]
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, detail) from error
