"""Bytes in, float32 [S, S, 1] out; and what is no image says so."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from shared.contracts.bundle import PreprocessingSpec
from shared.contracts.errors import ErrorCode
from shared.preprocessing import ImageError, decode_grey, normalise, preprocess, upright_size

SPEC = PreprocessingSpec()


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(width: int = 300, height: int = 260, mode: str = "L") -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    grey = (96 + 80 * np.sin(x / 23) * np.cos(y / 31)).astype(np.uint8)
    return Image.fromarray(grey).convert(mode)


def test_the_output_is_one_standardised_channel():
    pixels = preprocess(encoded(picture()), SPEC)
    assert pixels.shape == (224, 224, 1)
    assert pixels.dtype == np.float32
    assert pixels.min() >= -1.0
    assert pixels.max() <= 1.0
    as_grey = (pixels + 1) * 127.5
    assert as_grey.mean() == pytest.approx(118, abs=1)
    assert as_grey.std() == pytest.approx(64, abs=1)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("JPEG", "L", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "CMYK", {}),
        ("PNG", "L", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("PNG", "1", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("BMP", "L", {}),
        ("TIFF", "L", {}),
        ("GIF", "P", {}),
    ],
)
def test_every_kind_of_image_reads_the_same_picture(kind, mode, options):
    expected = decode_grey(encoded(picture(), "PNG"), 224).astype(float)
    actual = decode_grey(encoded(picture().convert(mode), kind, **options), 224).astype(float)
    if mode != "1":  # one bit a pixel is only a likeness
        assert np.abs(expected - actual).mean() < 3.0
    assert np.corrcoef(expected.ravel(), actual.ravel())[0, 1] > 0.7


def test_sixteen_bits_are_scaled_not_cut():
    deep = Image.fromarray((np.asarray(picture(), dtype=np.uint16) * 257).astype(np.uint16))
    expected = decode_grey(encoded(picture(), "PNG"), 224).astype(int)
    assert np.abs(decode_grey(encoded(deep, "PNG"), 224) - expected).max() <= 1


def test_a_rotated_photograph_is_put_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, to be turned by 90° clockwise
    lying = picture(400, 300).rotate(90, expand=True)
    upright = decode_grey(encoded(picture(400, 300), quality=95), 224).astype(float)
    turned = decode_grey(encoded(lying, exif=exif, quality=95), 224).astype(float)
    assert np.abs(upright - turned).mean() < 3.0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9), 77])
def test_the_size_told_is_that_of_the_image_as_it_is_shown(kind, orientation):
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    encoded_ = encoded(Image.new("L", (40, 30)), kind, exif=exif)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded_)))
    assert upright_size(encoded_) == shown.size


def test_a_large_jpeg_scaled_while_decoding_is_the_same_picture():
    large = picture().resize((2000, 1700), Image.Resampling.BICUBIC)
    through_dct = decode_grey(encoded(large, quality=95), 224).astype(float)
    in_full = decode_grey(encoded(large, "PNG"), 224).astype(float)
    assert np.abs(through_dct - in_full).mean() < 1.0


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.EMPTY_FILE),
        (b"this is a letter, not a picture", ErrorCode.UNSUPPORTED_MEDIA_TYPE),
        (encoded(picture())[:4000], ErrorCode.UNDECODABLE),
        (encoded(picture(), "PNG")[:2000], ErrorCode.UNDECODABLE),
        (png_claiming(10_000, 6_000), ErrorCode.TOO_MANY_PIXELS),
        (png_claiming(100_000, 100_000), ErrorCode.TOO_MANY_PIXELS),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 40, ErrorCode.UNDECODABLE),
    ],
)
def test_what_is_no_image_is_named(data, code):
    with pytest.raises(ImageError) as refused:
        preprocess(data, SPEC)
    assert refused.value.code is code


@given(st.integers(0, 3500), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_flipped_byte_never_escapes_as_another_error(position, value):
    data = bytearray(encoded(picture()))
    data[position % len(data)] = value
    try:
        assert preprocess(bytes(data), SPEC).shape == (224, 224, 1)
    except ImageError as error:
        assert error.code in ErrorCode


def test_a_blank_image_stays_finite():
    assert np.isfinite(normalise(np.zeros((224, 224), np.uint8), SPEC)).all()
