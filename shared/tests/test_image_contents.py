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
from shared.contracts.errors import ErrorCode
from shared.preprocessing import ImageError, decode_grey, normalise
from shared.testing.deep_images import new_deep_png, new_raw_tiff

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


def coloured(values: np.ndarray, alpha: int | None = None) -> np.ndarray:
    samples = np.repeat(values[..., None], 3 if alpha is None else 4, axis=-1)
    if alpha is not None:
        samples[..., 3] = alpha
    return samples


def fractions(factor: float, offset: float = 0.0) -> np.ndarray:
    return (radiograph() * factor + offset).astype(np.float32)[..., None]


def with_no_numbers(values: np.ndarray) -> np.ndarray:
    holed = values.copy()
    holed[::40, ::40], holed[1::40, ::40] = np.nan, np.inf
    return holed


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
    "12 bits with a sign and dead pixels, TIFF": new_raw_tiff(
        (with_dead_pixels(deep(16)).astype(np.int32) - 32_768)[..., None]
    ),
    **{
        f"{bits} in 16, {kind}": encode(deep(factor))
        for bits, factor in (("8 bits", 1), ("12 bits", 16))
        for kind, encode in {
            "colour PNG": lambda values: new_deep_png(coloured(values)),
            "colour and alpha PNG": lambda values: new_deep_png(coloured(values, 65_535)),
            "colour and alpha 0 PNG": lambda values: new_deep_png(coloured(values, 0)),
            "grey and alpha PNG": lambda values: new_deep_png(coloured(values, 65_535)[..., 2:]),
            "grey and alpha 0 PNG": lambda values: new_deep_png(coloured(values, 0)[..., 2:]),
            "colour TIFF": lambda values: new_raw_tiff(coloured(values)),
            "colour TIFF, big endian": lambda values: new_raw_tiff(coloured(values), order=">"),
            "colour TIFF, Deflate": lambda values: new_raw_tiff(coloured(values), is_deflated=True),
            "colour and alpha TIFF": lambda values: new_raw_tiff(coloured(values, 65_535)),
            "colour on black TIFF": lambda values: new_raw_tiff(coloured(values, 9_999), alpha=1),
            "colour beside no alpha TIFF": lambda values: new_raw_tiff(
                coloured(values, 0), alpha=0
            ),
            "colour and dead pixels PNG": lambda values: new_deep_png(
                coloured(with_dead_pixels(values))
            ),
        }.items()
    },
    "32 bits, TIFF": new_raw_tiff((radiograph().astype(np.uint32) * 16_843_009)[..., None]),
    "fractions of 1, TIFF": new_raw_tiff(fractions(1 / 255)),
    "fractions above 255, TIFF": new_raw_tiff(fractions(16.0)),
    "fractions about 0, TIFF": new_raw_tiff(fractions(1 / 60, -2)),
    "fractions and no numbers, TIFF": new_raw_tiff(with_no_numbers(fractions(1 / 255))),
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
    "16-bit TIFF, WhiteIsZero, big endian": new_raw_tiff(
        (65_535 - deep(257))[..., None], order=">", photometric=0
    ),
    "16-bit TIFF with a sign, WhiteIsZero": new_raw_tiff(
        (255 - radiograph().astype(np.int16) * 2)[..., None], photometric=0
    ),
    "TIFF of fractions, WhiteIsZero": new_raw_tiff(1 - fractions(1 / 255), photometric=0),
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


def with_bmp_header(size: int, bits: int, compression: int) -> bytes:
    info = struct.pack("<IiiHHI", size, 60, 60, 1, bits, compression).ljust(40, b"\0")
    # Ten bits of each colour, which nothing reads.
    info = (info + struct.pack("<III", 0x3FF << 20, 0x3FF << 10, 0x3FF)).ljust(size, b"\0")[:size]
    return b"BM" + struct.pack("<IHHI", 14_454, 0, 0, 54) + info + bytes(14_400)


def with_frame(changed: bytes) -> bytes:
    return encoded(radiograph(), "JPEG").replace(b"\xff\xc0\0\x0b\x08\x01\x04", changed)


def without_photometric() -> bytes:
    return new_raw_tiff(deep(257)[..., None]).replace(b"\x06\x01\3\0", b"\x40\x9c\3\0")


WHOLE = {
    "samples that are not taken": new_raw_tiff(fractions(1).astype(np.float64)),
    "separate planes of 16 bits": new_raw_tiff(coloured(deep(257)), planar=2),
    "signed samples of 8 bits": new_raw_tiff(radiograph().view(np.int8)[..., None]),
    "8 samples per pixel": new_raw_tiff(np.zeros((60, 60, 8), np.uint8)),
    "no PhotometricInterpretation": without_photometric(),
    "compression, 4": with_bmp_header(40, 0, 4),
    "64 bits per pixel": with_bmp_header(40, 64, 0),
    "short header of OS/2": with_bmp_header(16, 24, 0),
    "cannot be decoded": with_bmp_header(108, 32, 3),
    "CgBI": encoded(radiograph()).replace(
        b"\0\0\0\rIHDR", b"\0\0\0\4CgBI\0\0\0\0\0\0\0\0\0\0\0\rIHDR"
    ),
    "height (DNL)": with_frame(b"\xff\xc0\0\x0b\x08\0\0"),
    "JPEG-LS": with_frame(b"\xff\xf7\0\x0b\x08\x01\x04"),
}


@pytest.mark.parametrize("reason", WHOLE)
def test_an_image_that_is_whole_is_refused_for_what_it_is(reason):
    with pytest.raises(ImageError) as refused:
        decode_grey(WHOLE[reason], SIZE_PX)
    assert refused.value.code is ErrorCode.UNDECODABLE
    assert reason in refused.value.detail
    assert "cut short" not in refused.value.detail
