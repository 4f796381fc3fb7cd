"""Files that are not among the image types, named by their first bytes for the sender."""

import re

from shared.contracts.errors import ErrorCode
from shared.image_headers.model import FORMATS, ImageError

_STARTS = (
    (b"\x1f\x8b", "compressed with gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\0", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"%PDF", "a PDF document"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"8BPS", "a Photoshop document"),
    (b"<svg", "SVG"),
    (b"<html", "an HTML page"),
    (b"<!DOCTYPE html", "an HTML page"),
    (b"<!doctype html", "an HTML page"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"data:image/", "text that encodes an image (a data: URL)"),
    (b"DICM", "DICOM without the 128 bytes before DICM"),
    (b"\x02\0\0\0UL", "DICOM without the 132 bytes before its first element"),
    (b"\xc3\xbf\xc3\x98\xc3\xbf", "a JPEG whose bytes were converted as text"),
    (b"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "an image whose bytes were converted as text"),
    (b"\x89PNG", "a PNG whose bytes were converted as text"),
    (b"\xc2\x89PNG", "a PNG whose bytes were converted as text"),
    (b"\xef\xbf\xbdPNG", "a PNG whose bytes were converted as text"),
    (b"/9j/", "text that encodes an image in base64"),
    (b"iVBORw0KGgo", "text that encodes an image in base64"),
)
_BARE_DICOM = re.compile(rb"\x08\0[\0\x01\x05\x08\x12-\x16\x18]\0")
"""A dataset outside of a PS3.10 file begins with one of these elements of group 8."""
_BRAND_AT, _BRAND_BYTES = 8, 4
_CONTAINER = b"ftyp"
_BRAND_NAMES = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1"), "HEIC"),
}


def find_other_type(data: bytes) -> str | None:
    """Return what the file is, to follow "The file is"; None if its first bytes do not show it."""
    if data[4:8] == _CONTAINER:
        # ISO base media: the major brand; what else it calls itself is not needed for a name.
        return _BRAND_NAMES.get(data[_BRAND_AT : _BRAND_AT + _BRAND_BYTES], "a media container")
    if _BARE_DICOM.match(data):
        return "DICOM without preamble and file meta"
    return next((name for start, name in _STARTS if data.startswith(start)), None)


def new_unknown_type_error(data: bytes) -> ImageError:
    """Return the error for a file of none of the image types. It names the type where it can."""
    other = find_other_type(data) or "of no known image type"
    detail = f"The file is {other}. Send {', '.join(FORMATS)} or DICOM."
    return ImageError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, detail)
