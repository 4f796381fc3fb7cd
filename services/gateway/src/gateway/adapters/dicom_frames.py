"""The messages between gateway and decoder on a pipe."""

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
"""Sizes of the verdict (JSON) and of the image (PNG), which follow."""
MAX_VERDICT_BYTES = 4 * 1024

Reply = Rendered | Fault


class _Verdict(Message):
    """Code and detail of a fault, or the warnings of an image."""

    code: ErrorCode | None = None
    detail: str = ""
    warnings: tuple[Warned, ...] = ()


def encode_reply(reply: Reply) -> bytes:
    """Serialise a reply."""
    if isinstance(reply, Fault):
        png, verdict = b"", _Verdict(code=reply.code, detail=reply.detail)
    else:
        png, verdict = reply.png, _Verdict(warnings=tuple(map(Warned, reply.warnings)))
    body = verdict.to_bytes()
    return REPLY.pack(len(body), len(png)) + body + png


def decode_reply(body: bytes, png: bytes) -> Reply:
    """Parse a reply; a compromised decoder could send anything. Raises ValueError."""
    verdict = _Verdict.model_validate_json(body)
    if verdict.code is not None:
        return Fault(verdict.code, verdict.detail)
    return Rendered(png, tuple(warning.value for warning in verdict.warnings))
