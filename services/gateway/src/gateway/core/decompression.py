"""Decompression of request bodies, with a limit on the unpacked size."""

import zlib

from gateway.core.faults import Fault
from shared.contracts.errors import ErrorCode

ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""Content-Encoding → what zlib calls its window. "deflate" is zlib's form (RFC 9110, 8.4.1.2)."""


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes | Fault:
    """Decompress a body of one of ENCODINGS; at most `max_bytes` + 1 bytes are unpacked."""
    unpacking = zlib.decompressobj(ENCODINGS[encoding])
    try:
        data = unpacking.decompress(body, max_bytes + 1)
    except zlib.error:
        return Fault(ErrorCode.MALFORMED_REQUEST, f"The body cannot be read as {encoding}.")
    if len(data) > max_bytes:
        return Fault(ErrorCode.TOO_LARGE, f"The body unpacks to more than {max_bytes} bytes.")
    if not unpacking.eof or unpacking.unused_data:
        return Fault(ErrorCode.MALFORMED_REQUEST, f"The body is not one whole {encoding} stream.")
    return data
