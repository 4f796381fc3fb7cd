"""Images that files hold in odd ways, each with the image that is right."""

import io
import struct
import zlib
from functools import cache

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from shared.contracts.bundle import PreprocessingSpec
from shared.preprocessing import ImageError, decode_grey, normalise

SIZE_PX = 224
SPEC = PreprocessingSpec()
LEVEL = 2 / 255
"""One grey level in the network's input."""


@cache
def radiograph() -> np.ndarray:
    """Return a soft image of all 256 levels: uint8 [260, 300]."""
    coarse = np.random.default_rng(7).integers(0, 255, (6, 7), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((300, 260), Image.Resampling.BICUBIC)
    grey = np.asarray(image, dtype=np.float64)
    return ((grey - grey.min()) / (grey.max() - grey.min()) * 255).round().astype(np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def deep(factor: int, offset: int = 0) -> np.ndarray:
    return (radiograph().astype(np.int64) * factor + offset).astype(np.uint16)


def with_dead_pixels(values: np.ndarray) -> np.ndarray:
    dotted = values.copy()
    dotted[::40, ::40] = 65_535
    return dotted


def packed_tiff() -> bytes:
    """Write a TIFF of 12 bits per sample, two samples in three bytes; Pillow only reads them."""
    values = deep(16)
    even, odd = values[:, ::2].astype(int), values[:, 1::2].astype(int)
    packed = np.stack([even >> 4, (even & 15) << 4 | odd >> 8, odd & 255], axis=-1)
    pixels = packed.astype(np.uint8).tobytes()
    height, width = values.shape
    tags = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, height), (279, len(pixels))]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    end = struct.pack("<H", len(tags)) + directory + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + end


def white_is_zero(values: np.ndarray) -> bytes:
    tags = ImageFileDirectory_v2()
    tags[262] = 0
    # Pillow turns 8 bits round itself when it writes them, and not 16.
    negative = values if values.dtype == np.uint8 else 65_535 - values
    return encoded(negative, "TIFF", tiffinfo=tags)


def rgba(alpha: int) -> Image.Image:
    image = Image.fromarray(radiograph()).convert("RGBA")
    image.putalpha(alpha)
    return image


def with_unused_alpha_bmp() -> bytes:
    """Write a BMP of 32 bits with a V4 header, which names an alpha that is 0 everywhere."""
    pixels = np.zeros((*radiograph().shape, 4), np.uint8)
    pixels[..., :3] = radiograph()[::-1, :, None]
    height, width = radiograph().shape
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, pixels.size, 0, 0, 0, 0)
    head = (info + masks).ljust(108, b"\0")
    at = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", at + pixels.size, 0, 0, at) + head + pixels.tobytes()


NARROW = {
    "8 bits in 16, PNG": encoded(deep(1)),
    "10 bits in 16, PNG": encoded(deep(4)),
    "12 bits in 16, PNG": encoded(deep(16)),
    "half of 12 bits, PNG": encoded(deep(8)),
    "14 bits in 16, PNG": encoded(deep(64)),
    "12 bits above an offset, PNG": encoded(deep(16, 32_768)),
    "12 bits and dead pixels, PNG": encoded(with_dead_pixels(deep(16))),
    "12 bits in 16, TIFF": encoded(deep(16), "TIFF"),
    "12 bits packed, TIFF": packed_tiff(),
    "12 bits with a sign, TIFF": encoded(deep(16).astype(np.int32) - 1_024, "TIFF"),
}


@pytest.mark.parametrize("name", NARROW)
def test_few_bits_in_sixteen_are_spread_over_their_own_range(name):
    expected = normalise(decode_grey(encoded(radiograph()), SIZE_PX), SPEC)
    actual = normalise(decode_grey(NARROW[name], SIZE_PX), SPEC)
    assert np.abs(actual - expected).mean() < 2 * LEVEL


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_that_use_their_range_are_divided_by_257(kind):
    noise = np.random.default_rng(1).integers(0, 65_536, (SIZE_PX, SIZE_PX)).astype(np.uint16)
    expected = np.clip(noise.astype(np.float32) / 257.0 + 0.5, 0, 255).astype(np.uint8)
    assert (decode_grey(encoded(noise, kind), SIZE_PX) == expected).all()


SAME = {
    "8-bit TIFF, WhiteIsZero": white_is_zero(radiograph()),
    "16-bit TIFF, WhiteIsZero": white_is_zero(deep(257)),
    "PNG, alpha 0 everywhere": encoded(rgba(0)),
    "PNG, grey with alpha 0 everywhere": encoded(rgba(0).convert("LA")),
    "PNG, every colour transparent": encoded(
        Image.fromarray(radiograph()).convert("P"), transparency=bytes(256)
    ),
    "BMP V4, alpha unused": with_unused_alpha_bmp(),
    "WebP, alpha 0 everywhere": encoded(rgba(0), "WEBP", lossless=True, exact=True),
}


@pytest.mark.parametrize("name", SAME)
def test_every_odd_way_to_hold_an_image_gives_the_image(name):
    expected = decode_grey(encoded(radiograph()), SIZE_PX).astype(int)
    assert np.abs(decode_grey(SAME[name], SIZE_PX) - expected).max() <= 1


def test_alpha_that_is_used_still_shows_black():
    half = rgba(255)
    half.paste((255, 255, 255, 0), (0, 0, 150, 260))
    grey = decode_grey(encoded(half), SIZE_PX)
    assert not grey[:, :110].any()
    assert grey[:, 115:].any()


def exif_of(tag: int, kind: int, count: int, at: int, orientation: bytes) -> bytes:
    entries = [orientation, struct.pack(">HHII", tag, kind, count, at)]
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", 2) + b"".join(entries) + bytes(4)


UPRIGHT = struct.pack(">HHIHH", 0x0112, 3, 1, 1, 0)
TURNED = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
AS_TEXT = struct.pack(">HHI4s", 0x0112, 2, 2, b"6\0\0\0")


def with_png_exif(exif: bytes) -> bytes:
    png, body = encoded(radiograph()), b"eXIf" + exif
    chunk = struct.pack(">I", len(exif)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def with_jpeg_exif(exif: bytes) -> bytes:
    return encoded(radiograph(), "JPEG", quality=95, exif=b"Exif\0\0" + exif)


BROKEN_EXIF = {
    "JPEG, a rational out of range": with_jpeg_exif(exif_of(0x011A, 5, 1, 0xFFFFFF00, UPRIGHT)),
    "JPEG, a resolution that is text": with_jpeg_exif(exif_of(0x011A, 2, 1, 38, UPRIGHT)),
    "JPEG, to be turned, a resolution that is text": with_jpeg_exif(
        exif_of(0x011A, 2, 1, 38, TURNED)
    ),
    "PNG, cut": with_png_exif(b"MM\0*\0\0"),
    "PNG, no EXIF at all": with_png_exif(b"no EXIF at all"),
}


@pytest.mark.parametrize("name", BROKEN_EXIF)
def test_broken_exif_does_not_cost_the_pixels(name):
    upright = decode_grey(encoded(radiograph()), SIZE_PX).astype(int)
    grey = decode_grey(BROKEN_EXIF[name], SIZE_PX)
    turned = decode_grey(encoded(np.rot90(radiograph(), -1)), SIZE_PX).astype(int)
    assert min(np.abs(grey - right).mean() for right in (upright, turned)) < 2


def test_an_orientation_written_as_text_is_applied():
    data = with_png_exif(exif_of(0x0131, 2, 1, 0, AS_TEXT))
    expected = decode_grey(encoded(np.rot90(radiograph(), -1)), SIZE_PX).astype(int)
    assert np.abs(decode_grey(data, SIZE_PX) - expected).max() <= 1


@pytest.mark.parametrize("options", [{}, {"quality": 95}, {"optimize": True}])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_whole(options):
    jpeg = encoded(radiograph(), "JPEG", **options)
    assert (decode_grey(jpeg[:-2], SIZE_PX) == decode_grey(jpeg, SIZE_PX)).all()
    with pytest.raises(ImageError, match="damaged or cut short"):
        decode_grey(jpeg[:-20], SIZE_PX)


def test_a_progressive_jpeg_that_ends_between_two_scans_is_cut_short():
    jpeg = encoded(radiograph(), "JPEG", progressive=True)
    with pytest.raises(ImageError, match="damaged or cut short"):
        decode_grey(jpeg[: jpeg.rindex(b"\xff\xda")], SIZE_PX)


def test_samples_that_are_not_taken_are_not_called_cut_short():
    tags = ImageFileDirectory_v2()
    tags[262] = 0
    big_endian = encoded(Image.fromarray(deep(257).astype(">u2")), "TIFF", tiffinfo=tags)
    with pytest.raises(ImageError, match="samples that are not taken"):
        decode_grey(big_endian, SIZE_PX)
