"""The headers of GIF, WebP and BMP."""

import struct

from shared.image_headers.model import (
    MAX_METADATA_BYTES,
    MAX_SEGMENTS,
    ImageHeader,
    damaged,
    refused,
    too_much_metadata,
)
from shared.image_headers.other_types import new_unknown_type_error

MAX_SUB_BLOCKS = 8_192
"""Maximum blocks of a GIF's comments and extensions before its first frame: 2 MiB if full."""

_GIF_SCREEN_BYTES = 13
_GIF_TABLE = 0x80
_EXTENSION, _FRAME, _PADDING = 0x21, 0x2C, 0x00
_WEBP_BYTES_PER_PIXEL = {b"VP8 ": 12, b"VP8L": 16, b"VP8X": 16}
"""Two canvases of libwebp, its answer, and the argb values of lossless pixels or of alpha."""
_WEBP_FIRST = 12
_WEBP_METADATA = (b"EXIF", b"XMP ")
_BMP_CORE, _BMP_SHORT = 12, 16
_BMP_HEADERS = (40, 52, 56, 64, 108, 124)
_BMP_PLAIN, _BMP_RUNS, _BMP_MASKS = 0, (1, 2), 3
_BMP_DEPTHS = (1, 4, 8, 16, 24, 32)


def read_gif(data: bytes) -> ImageHeader:
    """Read screen, extensions and the first frame. Raises ImageError: UNDECODABLE."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = _GIF_SCREEN_BYTES
    if flags & _GIF_TABLE:
        at += 3 << ((flags & 7) + 1)
    sub_blocks = 0
    for _ in range(MAX_SEGMENTS):
        kind = data[at]
        if kind == _FRAME:
            left, top, across, down = struct.unpack_from("<HHHH", data, at + 1)
            width, height = max(width, left + across), max(height, top + down)
            if not width or not height:
                raise damaged()
            # Twice: what a frame's disposal puts behind it is made beside it.
            return ImageHeader("GIF", width, height, 2 * width * height)
        if kind == _EXTENSION:
            at, seen = _behind_sub_blocks(data, at + 2, MAX_SUB_BLOCKS - sub_blocks)
            sub_blocks += seen
        elif kind == _PADDING:
            at += 1
        else:
            raise damaged()
    raise too_much_metadata()


def _behind_sub_blocks(data: bytes, at: int, most: int) -> tuple[int, int]:
    for seen in range(most):
        length = data[at]
        at += 1 + length
        if not length:
            return at, seen
    raise too_much_metadata()


def read_webp(data: bytes) -> ImageHeader:
    """Read the first chunk, and the sizes of the others.

    Raises ImageError: UNDECODABLE; UNSUPPORTED_MEDIA_TYPE for sound or video in RIFF.
    """
    kind = data[12:16]
    if data[8:12] != b"WEBP":
        raise new_unknown_type_error(data)
    if kind not in _WEBP_BYTES_PER_PIXEL:
        raise damaged()
    width, height = _webp_size(data, kind)
    if kind == b"VP8X":
        _check_webp_chunks(data)
    decoded_bytes = width * height * _WEBP_BYTES_PER_PIXEL[kind]
    return ImageHeader("WEBP", width, height, decoded_bytes)


def _webp_size(data: bytes, kind: bytes) -> tuple[int, int]:
    if kind == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise damaged()
        width, height = struct.unpack_from("<HH", data, 26)
        size = width & 0x3FFF, height & 0x3FFF
    elif kind == b"VP8L":
        signature, bits = struct.unpack_from("<BI", data, 20)
        size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if signature != 0x2F:  # noqa: PLR2004  a magic number
            raise damaged()
    else:
        across, high, down, higher = struct.unpack_from("<HBHB", data, 24)
        size = (across | high << 16) + 1, (down | higher << 16) + 1
    if not all(size):
        raise damaged()
    return size


def _check_webp_chunks(data: bytes) -> None:
    at = _WEBP_FIRST
    for _ in range(MAX_SEGMENTS):
        if at + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind in _WEBP_METADATA and length > MAX_METADATA_BYTES:
            raise too_much_metadata()
        at += 8 + length + (length & 1)
    raise refused(f"The WebP has more than {MAX_SEGMENTS} chunks. Send a single image.")


def read_bmp(data: bytes) -> ImageHeader:
    """Read the header.

    Raises ImageError: UNDECODABLE; UNSUPPORTED_MEDIA_TYPE for text that begins with "BM".
    """
    (size,) = struct.unpack_from("<I", data, 14)
    if size == _BMP_CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = _BMP_PLAIN
    elif size in _BMP_HEADERS:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        height = abs(height)
    elif size == _BMP_SHORT:
        raise refused("The BMP has a short header of OS/2. Save it anew, or as a PNG.")
    else:
        raise new_unknown_type_error(data)
    if compression in _BMP_RUNS:
        raise refused("The BMP is run-length coded. Save it without compression.")
    if compression not in (_BMP_PLAIN, _BMP_MASKS):
        raise refused(f"The BMP's compression, {compression}, is not taken. Save it without.")
    if width <= 0 or not height:
        raise damaged()
    if bits not in _BMP_DEPTHS:
        raise refused(f"The BMP has {bits} bits per pixel. Save it with 8 or 24.")
    shown_bytes = 1 if bits <= 8 else 4  # noqa: PLR2004  a palette's index, or colours
    return ImageHeader("BMP", width, height, width * height * shown_bytes)
