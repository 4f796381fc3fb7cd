"""Files that are not among the image types, named by their first bytes for the sender."""

_STARTS = (
    (b"\x1f\x8b", "compressed with gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\0", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"%PDF", "a PDF document"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "a Photoshop document"),
    (b"<svg", "SVG"),
    (b"data:image/", "text that encodes an image (a data: URL)"),
    (b"/9j/", "text that encodes an image in base64"),
    (b"iVBORw0KGgo", "text that encodes an image in base64"),
)
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
    return next((name for start, name in _STARTS if data.startswith(start)), None)
