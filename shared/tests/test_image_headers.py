"""What the header reader says, beside what Pillow says of the same bytes."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from shared.contracts.errors import ErrorCode
from shared.image_headers import ImageError, read_header
from shared.preprocessing import check_header, decode_grey
from shared.testing.hostile_images import chunk

FORMS = [
    ("JPEG", "L", {}),
    ("JPEG", "RGB", {"progressive": True, "comment": b"\xff\xda" * 9}),
    ("JPEG", "L", {"restart_marker_rows": 1, "optimize": True}),
    ("JPEG", "CMYK", {}),
    ("PNG", "L", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "1", {}),
    ("GIF", "P", {}),
    ("GIF", "L", {"comment": b"c" * 3_000}),
    ("WEBP", "RGB", {"quality": 80}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("BMP", "RGB", {}),
    ("TIFF", "L", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "F", {"compression": "tiff_adobe_deflate"}),
]


def encoded(mode: str = "L", kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (300, 260), 90 if mode in ("L", "F") else None).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = height.to_bytes(2) + width.to_bytes(2)
    return bytes(data)


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize(("kind", "mode", "options"), FORMS)
def test_type_and_size_are_what_pillow_says(kind, mode, options):
    header = read_header(encoded(mode, kind, **options))
    assert (header.format, header.width, header.height) == (kind, 300, 260)
    assert header.is_plain == (kind == "JPEG" and mode != "CMYK")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_is_kept_so_that_it_turns_the_image(kind):
    data = encoded(kind=kind, mode="RGB", exif=turned())
    assert not read_header(data).is_plain
    assert read_header(data).width == 300


@pytest.mark.parametrize(
    "data",
    [
        encoded()[:100],
        encoded().replace(b"\xff\xc0", b"\xff\xc3"),  # lossless
        encoded().replace(b"\xff\xc0", b"\xff\xc9"),  # arithmetic
        encoded().replace(b"\xff\xc0\x00\x0b\x08", b"\xff\xc0\x00\x0b\x0c"),  # 12 bits
        encoded()[:2] + encoded()[encoded().index(b"\xff\xc0") :][:13] * 2 + encoded()[2:],
        claiming(0, 260),
        b"\xff\xd8\xff\xe0" + b"\x00" * 4000,
        encoded(kind="PNG")[:20],
        encoded(kind="PNG").replace(b"IDAT", b"iDAT"),
        encoded(kind="GIF")[:13] + b";",
        encoded("RGB", "WEBP")[:20],
        encoded("RGB", "TIFF", compression="jpeg"),
        encoded("RGB", "TIFF", compression="lzma"),
        encoded("RGB", "BMP")[:20],
    ],
)
def test_what_no_decoder_should_see_is_undecodable(data):
    for read in (check_header, lambda data: decode_grey(data, 224)):
        with pytest.raises(ImageError) as refused:
            read(data)
        assert refused.value.code is ErrorCode.UNDECODABLE


def test_a_jpeg_is_refused_for_its_pixels_before_any_is_decoded():
    for read in (check_header, lambda data: decode_grey(data, 224)):
        with pytest.raises(ImageError) as refused:
            read(claiming(10_000, 6_000))
        assert refused.value.code is ErrorCode.TOO_MANY_PIXELS


def noise(mode: str = "L") -> Image.Image:
    random = np.random.default_rng(0)
    return Image.fromarray(random.integers(0, 255, (260, 300), np.uint8)).convert(mode)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"
PROFILE = [b"ICC_PROFILE\0" + bytes([n, 40]) + bytes(60_000) for n in range(1, 41)]
PHOTOSHOP = b"Photoshop 3.0\x00" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5_000
METADATA = [
    [segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")],
    [segment(0xE1, XMP)],
    [segment(0xE2, part) for part in PROFILE],
    [segment(0xED, PHOTOSHOP)],
    [segment(0xFE, b"c" * 65_000)] * 48,
    [segment(0xE2, b"MPF\0" + bytes(80))],
]


@pytest.mark.parametrize("segments", METADATA)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_metadata_that_turn_nothing_change_no_pixel_of_a_jpeg(segments, mode):
    plain = saved(noise(mode), "JPEG")
    data = plain[:2] + b"".join(segments) + plain[2:]
    assert np.array_equal(decode_grey(plain, 224), decode_grey(data, 224))


def test_metadata_that_turn_nothing_change_no_pixel_of_a_png():
    noted = PngImagePlugin.PngInfo()
    noted.add_text("Comment", "x" * 500_000)
    noted.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    plain = saved(noise(), "PNG")
    for data in (
        saved(noise(), "PNG", pnginfo=noted, icc_profile=bytes(300_000), dpi=(72, 72)),
        plain[:33] + chunk(b"prVt", b"private") + plain[33:],
        saved(noise(), "PNG", save_all=True, append_images=[noise()]),
    ):
        assert np.array_equal(decode_grey(plain, 224), decode_grey(data, 224))


def test_a_png_without_its_metadata_is_still_turned():
    lying = noise().transpose(Image.Transpose.ROTATE_90)
    raw = f"\nexif\n{len(turned().tobytes()):8}\n{turned().tobytes().hex()}\n"
    as_text, as_xmp = PngImagePlugin.PngInfo(), PngImagePlugin.PngInfo()
    as_text.add_text("Raw profile type exif", raw, zip=True)
    as_xmp.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    for options in ({"exif": turned()}, {"pnginfo": as_text}, {"pnginfo": as_xmp}):
        data = saved(lying, "PNG", **options)
        assert np.array_equal(decode_grey(data, 224), decode_grey(saved(noise(), "PNG"), 224))


@given(st.sampled_from(FORMS), st.binary(max_size=24), st.floats(0, 1), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_another_error(form, patch, where, cut):
    kind, mode, options = form
    data = bytearray(encoded(mode, kind, **options))
    at = int(where * min(len(data), 700))
    data[at : at + len(patch)] = patch
    try:
        header = read_header(bytes(data[: at if cut else None]))
    except ImageError as error:
        assert error.code in ErrorCode
    else:
        assert header.width > 0
        assert header.height > 0


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a media container"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0", "JPEG 2000"),
        (b"\x1f\x8b\x08\0", "compressed with gzip"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"/9j/4AAQSkZJRg", "text that encodes an image in base64"),
        (b"II+\0\x08\0\0\0", "BigTIFF"),
        (b"Rar!\x1a\x07\0", "a RAR archive"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\x02\0\0\0UL\4\0", "DICOM without the 132 bytes before its first element"),
        (b"\x08\0\x05\0CS\x0a\0", "DICOM without preamble and file meta"),
        (encoded().decode("latin-1").encode(), "a JPEG whose bytes were converted as text"),
        (
            encoded().decode(errors="replace").encode(),
            "an image whose bytes were converted as text",
        ),
        (encoded(kind="PNG").replace(b"\r\n", b"\n"), "a PNG whose bytes were converted as text"),
        (b"RIFF\0\0\0\0WAVEfmt ", "of no known image type"),
        (b"BMI;age\n27;41\n24;73\n", "of no known image type"),
        (b"a letter", "of no known image type"),
        (b"f", "of no known image type"),
    ],
)
def test_a_file_of_another_type_is_named_and_the_types_with_it(data, named):
    with pytest.raises(ImageError) as refused:
        read_header(data)
    assert refused.value.code == ErrorCode.UNSUPPORTED_MEDIA_TYPE
    types = "JPEG, PNG, WEBP, BMP, TIFF, GIF or DICOM"
    assert refused.value.detail == f"The file is {named}. Send {types}."
