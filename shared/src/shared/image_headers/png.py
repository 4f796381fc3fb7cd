"""The header and the chunks of a PNG. ISO/IEC 15948."""

import struct
import zlib
from dataclasses import dataclass, field

from shared.image_headers.model import (
    MAX_METADATA_BYTES,
    MAX_SEGMENTS,
    ImageHeader,
    Span,
    add_span,
    damaged,
    refused,
    too_much_metadata,
)

MAX_CHUNKS = 10_000
"""Maximum chunks of one PNG; 8 MiB in the 8 KiB of libpng are 1,024."""

_START = 8
_FRAME_BYTES = 12
_HEADER_BYTES = 13
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_GREY, _GREY_ALPHA, _COLOUR_ALPHA = 0, 4, 6
_DEEP = 16
_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_TURNING = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
_MAX_TURNING = 4


@dataclass(slots=True)
class _Walk:
    data: bytes
    at: int
    has_pixels: bool = False
    metadata: int = 0
    turning: int = 0
    spans: list[Span] = field(default_factory=list)


def read_png(data: bytes) -> ImageHeader:
    """Read header and chunks. Raises ImageError: UNDECODABLE."""
    length, kind = struct.unpack_from(">I4s", data, _START)
    if kind == b"CgBI":
        raise refused("The PNG was made for iPhones (CgBI). Save it anew.")
    if kind != b"IHDR" or length != _HEADER_BYTES:
        raise damaged()
    width, height, depth, colour = struct.unpack_from(">IIBB", data, _START + 8)
    if not width or not height or depth not in _DEPTHS.get(colour, ()):
        raise damaged()
    first = _START + _FRAME_BYTES + _HEADER_BYTES
    walk = _Walk(data, first, spans=[(0, first)])
    _walk_chunks(walk)
    spans = () if walk.spans == [(0, len(data))] else tuple(walk.spans)
    decoded = _decoded_bytes(width, height, depth, colour)
    is_split = depth == _DEEP and colour == _GREY_ALPHA
    return ImageHeader(
        "PNG",
        width,
        height,
        decoded,
        spans=spans,
        has_split_grey=is_split,
        replacement=(_START, _split_header(data)) if is_split else None,
    )


def _split_header(data: bytes) -> bytes:
    """Return the IHDR chunk of the same pixels as 8 bits of red, green, blue and alpha.

    Pillow drops the lower byte of grey beside alpha, and has no raw mode for the lower ones alone.
    A pixel has four bytes either way, so filters and passes are the same.
    """
    size = data[_START + 8 : _START + 16]
    body = b"IHDR" + size + bytes((8, _COLOUR_ALPHA)) + data[_START + 18 : _START + 21]
    return struct.pack(">I", _HEADER_BYTES) + body + struct.pack(">I", zlib.crc32(body))


def _decoded_bytes(width: int, height: int, depth: int, colour: int) -> int:
    rows = height * -(-width * depth * _SAMPLES[colour] // 8)
    if _SAMPLES[colour] > 1:
        return max(rows, 4 * width * height)
    return width * height * (2 if colour == _GREY and depth == _DEEP else 1)


def _walk_chunks(walk: _Walk) -> None:
    for _ in range(MAX_CHUNKS):
        if walk.at + 8 > len(walk.data):
            break
        length, kind = struct.unpack_from(">I4s", walk.data, walk.at)
        if not kind.isalpha():
            break
        end = walk.at + _FRAME_BYTES + length
        _take_chunk(walk, kind, end)
        walk.at = end
        if kind == b"IEND":
            break
    else:
        raise refused(f"The PNG has more than {MAX_CHUNKS} chunks. Save it anew.")
    if not walk.has_pixels:
        raise damaged()


def _take_chunk(walk: _Walk, kind: bytes, end: int) -> None:
    if kind == b"IHDR":
        raise damaged()
    if kind == b"IDAT":
        walk.has_pixels = True
    else:
        walk.metadata += 1
        if walk.metadata > MAX_SEGMENTS:
            raise too_much_metadata()
    if kind in _PIXELS or _is_turning(walk, kind, end):
        add_span(walk.spans, walk.at, min(end, len(walk.data)))


def _is_turning(walk: _Walk, kind: bytes, end: int) -> bool:
    """Return whether a chunk may hold an orientation, and is of a size that one has."""
    is_text = kind in _TEXTS and walk.data.startswith(_TURNING, walk.at + 8)
    if not (is_text or kind == b"eXIf") or end - walk.at > MAX_METADATA_BYTES:
        return False
    walk.turning += 1
    return walk.turning <= _MAX_TURNING
