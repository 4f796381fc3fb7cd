"""What gateway and decoder say to each other over a pipe."""

import struct

from gateway.core.dicom import Rendered, Warned
from gateway.core.faults import Fault
from shared.contracts.errors import ErrorCode
from shared.contracts.message import Message

READY = b"R"
"""The decoder's first byte: it has loaded what it needs."""
REQUEST = struct.Struct(">Q")
"""Size of the file, which follows."""
REPLY = struct.Struct(">II")
"""Sizes of the verdict (JSON) and of the picture (PNG), which follow."""
MAX_VERDICT_BYTES = 4 * 1024

Reply = Rendered | Fault


class _Verdict(Message):
    """Of a fault its code and detail, of a picture what to warn of."""

    code: ErrorCode | None = None
    detail: str = ""
    warnings: tuple[Warned, ...] = ()


def encode_reply(reply: Reply) -> bytes:
    """Give a reply its bytes."""
    if isinstance(reply, Fault):
        png, verdict = b"", _Verdict(code=reply.code, detail=reply.detail)
    else:
        png, verdict = reply.png, _Verdict(warnings=tuple(map(Warned, reply.warnings)))
    body = verdict.to_bytes()
    return REPLY.pack(len(body), len(png)) + body + png


def decode_reply(body: bytes, png: bytes) -> Reply:
    """Read a reply; a decoder that a file has taken over could say anything. Raises ValueError."""
    verdict = _Verdict.model_validate_json(body)
    if verdict.code is not None:
        return Fault(verdict.code, verdict.detail)
    return Rendered(png, tuple(word.value for word in verdict.warnings))
