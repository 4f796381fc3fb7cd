"""One bounded reader of image headers, for every type: no decoder sees a file before it.

It counts segments, chunks, blocks and tags, and refuses what no camera or scanner writes, in less
than 20 ms whatever the bytes are. Pillow's own readers have no such bound: they join JPEG's EXIF
segments in quadratic time, and make Python objects of millions of markers.
"""

import struct

from shared.contracts.errors import ErrorCode
from shared.image_headers.jpeg import read_jpeg
from shared.image_headers.model import (
    FORMATS,
    MAX_DECODED_BYTES,
    MAX_PIXELS,
    ImageError,
    ImageHeader,
    damaged,
)
from shared.image_headers.other_types import new_unknown_type_error
from shared.image_headers.others import read_bmp, read_gif, read_webp
from shared.image_headers.png import read_png
from shared.image_headers.tiff import read_tiff

__all__ = ["FORMATS", "MAX_DECODED_BYTES", "MAX_PIXELS", "ImageError", "ImageHeader", "read_header"]

_READERS = (
    (b"\xff\xd8\xff", read_jpeg),
    (b"\x89PNG\r\n\x1a\n", read_png),
    (b"RIFF", read_webp),
    (b"BM", read_bmp),
    (b"II*\0", read_tiff),
    (b"MM\0*", read_tiff),
    (b"GIF87a", read_gif),
    (b"GIF89a", read_gif),
)
_MIB = 1024 * 1024


def read_header(data: bytes) -> ImageHeader:
    """Read type, size and structure without decoding a pixel.

    Raises ImageError: EMPTY_FILE, UNSUPPORTED_MEDIA_TYPE, UNDECODABLE, TOO_MANY_PIXELS.
    """
    header = _read(data)
    if header.pixels > MAX_PIXELS:
        detail = f"The image has more than {MAX_PIXELS // 1_000_000} megapixels."
        raise ImageError(ErrorCode.TOO_MANY_PIXELS, detail)
    if header.decoded_bytes > MAX_DECODED_BYTES:
        raise ImageError(
            ErrorCode.TOO_MANY_PIXELS,
            f"The image needs {header.decoded_bytes // _MIB} MiB when it is decoded; at most"
            f" {MAX_DECODED_BYTES // _MIB} are taken. Send fewer pixels, or grey ones.",
        )
    return header


def _read(data: bytes) -> ImageHeader:
    for signature, read in _READERS:
        if data.startswith(signature):
            try:
                return read(data)
            except (struct.error, IndexError) as error:  # the file ends too early
                raise damaged() from error
    if not data:
        raise ImageError(ErrorCode.EMPTY_FILE, "The file is empty.")
    raise new_unknown_type_error(data)
