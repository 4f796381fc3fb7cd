"""Request bodies, bounded."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import ValidationError

from registry.core.refusals import Refuse
from shared.contracts.errors import ErrorCode
from shared.contracts.message import Message

M = TypeVar("M", bound=Message)

_JSON = "application/json"
_ESCAPED_NUL = b"\\u0000"  # no database keeps it


def refuse_too_large(request: Request, max_bytes: int) -> Refuse | None:
    """Refuse a body that says itself that it is too large, before a byte of it is read."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        return _too_large(max_bytes)
    return None


async def read_body(request: Request, max_bytes: int) -> bytes | Refuse:
    """Read a small body whole."""
    refusal = refuse_too_large(request, max_bytes)
    if refusal is not None:
        return refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            return _too_large(max_bytes)
    return bytes(body)


async def read_json_body(request: Request, max_bytes: int) -> bytes | Refuse:
    """Read a small body that names no other type than JSON.

    Without a type it is taken, too: services of 0.1.0 send none. A page cannot send any without a
    preflight, save text, forms and a blob without a type; the origin of those is refused before.
    """
    kind, _, _ = request.headers.get("content-type", _JSON).partition(";")
    if kind.strip().lower() != _JSON:
        return Refuse(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"Send {_JSON}.")
    return await read_body(request, max_bytes)


async def read_message(request: Request, kind: type[M], max_bytes: int) -> M | Refuse:
    """Read a small JSON body, or say in one sentence what is wrong with it."""
    body = await read_json_body(request, max_bytes)
    if isinstance(body, Refuse):
        return body
    if _ESCAPED_NUL in body:
        return Refuse(ErrorCode.MALFORMED_REQUEST, "The body has a NUL character.")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        places = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}"
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        )
        return Refuse(ErrorCode.MALFORMED_REQUEST, places)


def describe_body(kind: type[Message]) -> dict[str, Any]:
    """Describe, for OpenAPI, a body that the route reads itself."""
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)  # those are parts of answers, too
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _too_large(max_bytes: int) -> Refuse:
    return Refuse(ErrorCode.TOO_LARGE, f"The body may have at most {max_bytes} bytes.")
