"""What the markers of a JPEG say, beside what Pillow says of it."""

import io

import numpy as np
import pytest
from PIL import Image

from shared.contracts.errors import ErrorCode
from shared.jpeg_frames import Frame, plain_frame
from shared.preprocessing import ImageError, check_header, decode_grey


def encoded(mode: str = "L", kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (300, 260), 90).save(buffer, kind, **options)
    return buffer.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = height.to_bytes(2) + width.to_bytes(2)
    return bytes(data)


@pytest.mark.parametrize(
    ("mode", "options", "components"),
    [
        ("L", {}, 1),
        ("RGB", {}, 3),
        ("RGB", {"progressive": True, "comment": b"\xff\xda" * 9}, 3),
        ("L", {"restart_marker_rows": 1, "optimize": True}, 1),
    ],
)
def test_the_frame_of_a_plain_jpeg_is_what_pillow_says(mode, options, components):
    assert plain_frame(encoded(mode, **options)) == Frame(300, 260, components)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        encoded(kind="PNG"),
        encoded("CMYK"),
        encoded(exif=turned()),
        encoded()[:100],
        encoded().replace(b"\xff\xc0", b"\xff\xc3"),  # lossless
        encoded().replace(b"\xff\xc0\x00\x0b\x08", b"\xff\xc0\x00\x0b\x0c"),  # 12 bits
        claiming(0, 260),
        b"\xff\xd8\xff\xe0" + b"\x00" * 4000,
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 1000,  # comments without end
    ],
)
def test_what_is_not_plain_is_left_to_pillow(data):
    assert plain_frame(data) is None


def test_a_jpeg_is_refused_for_its_pixels_before_any_is_decoded():
    for read in (check_header, lambda data: decode_grey(data, 224)):
        with pytest.raises(ImageError) as refused:
            read(claiming(10_000, 6_000))
        assert refused.value.code is ErrorCode.TOO_MANY_PIXELS


def test_metadata_that_turns_nothing_changes_no_pixel():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (260, 300), np.uint8))
    plain, with_exif = io.BytesIO(), io.BytesIO()
    noise.save(plain, "JPEG")
    exif = Image.Exif()
    exif[0x010E] = "a description"
    noise.save(with_exif, "JPEG", exif=exif)
    assert plain_frame(with_exif.getvalue()) is None
    without = decode_grey(plain.getvalue(), 224).astype(int)
    with_metadata = decode_grey(with_exif.getvalue(), 224).astype(int)
    assert np.abs(without - with_metadata).max() == 0
