"""Request bodies, bounded."""

from fastapi import Request

from registry.core.refusals import Refuse
from shared.contracts.errors import ErrorCode


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


def _too_large(max_bytes: int) -> Refuse:
    return Refuse(ErrorCode.TOO_LARGE, f"The body may have at most {max_bytes} bytes.")
