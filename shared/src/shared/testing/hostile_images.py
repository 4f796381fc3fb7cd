"""Image files built to cost a decoder as much as possible. Small, and made in milliseconds.

Every function returns the bytes of one file. Sizes are those of the widest image that is admitted,
so that a test measures the worst case and not a sample.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import partial

from PIL import Image

from shared.testing.images import new_jpeg

SIDE_PX = 6320
"""Side of a square image just below 40 megapixels."""

_BLOCK_PX = 8
_EOB_RUN = 1 << 14
_PNG_START = b"\x89PNG\r\n\x1a\n"
_DEPTH_AND_COLOUR = {
    "1": (1, 0),
    "L": (8, 0),
    "I;16": (16, 0),
    "RGB": (8, 2),
    "RGB;16": (16, 2),
    "P": (8, 3),
    "LA": (8, 4),
    "RGBA": (8, 6),
    "RGBA;16": (16, 6),
}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def with_exif_flood(segments: int) -> bytes:
    """Return a JPEG with many short EXIF segments, which Pillow joins in quadratic time."""
    body = b"Exif\0\0" + bytes(10)
    return _with_segments((b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body) * segments)


def with_comment_flood(segments: int) -> bytes:
    """Return a JPEG with many empty comments."""
    return _with_segments(b"\xff\xfe\x00\x02" * segments)


def with_restart_flood(markers: int) -> bytes:
    """Return a JPEG with many restart markers before its frame."""
    return _with_segments(b"\xff\xd0" * markers)


def with_fill_flood(length: int) -> bytes:
    """Return a JPEG with a long run of fill bytes before its frame."""
    return _with_segments(b"\xff" * length)


def with_junk_flood(length: int) -> bytes:
    """Return a JPEG with bytes that are no marker before its frame."""
    return _with_segments(b"\xff\xfe\x00\x02" + bytes(length))


def _with_segments(segments: bytes) -> bytes:
    jpeg = new_jpeg()
    return jpeg[:2] + segments + jpeg[2:]


def progressive_scan_flood(
    scans: int, *, side_px: int = SIDE_PX, refining: bool = True, marker: int = 0xC2
) -> bytes:
    """Return a grey progressive JPEG of which each scan passes over every block, in 84 bytes.

    refining: whether the scans refine coefficients that no scan has sent, which costs a decoder
    twenty times as much as first scans do.
    """
    blocks = (-(-side_px // _BLOCK_PX)) ** 2
    quantisation = b"\xff\xdb\x00\x43\x00" + b"\x01" * 64
    frame = b"\xff" + bytes([marker]) + struct.pack(">HBHHB", 11, 8, side_px, side_px, 1)
    # One code each, of one bit: DC difference 0, and a run of 2¹⁴ blocks that end here.
    one_code = b"\x01" + bytes(15)
    tables = b"".join(
        b"\xff\xc4" + struct.pack(">H", 20) + bytes([kind]) + one_code + bytes([symbol])
        for kind, symbol in ((0x00, 0x00), (0x10, 0xE0))
    )
    first = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + bytes(-(-blocks // 8))
    run_bits = 15 * -(-blocks // _EOB_RUN)
    approximation = 0x10 if refining else 0x00
    more = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f" + bytes([approximation])
    more += bytes(-(-run_bits // 8))
    head = b"\xff\xd8" + quantisation + frame + b"\x01\x11\x00" + tables
    return head + first + more * scans + b"\xff\xd9"


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return one PNG chunk."""
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def new_blank_png(
    mode: str,
    side_px: int = SIDE_PX,
    *,
    interlaced: bool = False,
    filter_type: int = 0,
    extra: bytes = b"",
) -> bytes:
    """Return a blank square PNG. extra: chunks between header and pixels.

    mode: 1, L, I;16, RGB, RGB;16, P, LA, RGBA or RGBA;16.
    """
    depth, colour = _DEPTH_AND_COLOUR[mode]
    header = struct.pack(">IIBBBBB", side_px, side_px, depth, colour, 0, 0, int(interlaced))
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if colour == 3 else b""  # noqa: PLR2004  P
    bits = depth * _CHANNELS[colour]
    passes = _adam7(side_px) if interlaced else [(side_px, side_px)]
    deflate = zlib.compressobj(1)
    pixels = bytearray()
    for width, height in passes:
        row = bytes([filter_type]) + bytes(-(-width * bits // 8))
        for rows in _parts(height, 64):
            pixels += deflate.compress(row * rows)
    pixels += deflate.flush()
    chunks = (chunk(b"IHDR", header), palette, extra, chunk(b"IDAT", bytes(pixels)))
    return _PNG_START + b"".join(chunks) + chunk(b"IEND", b"")


def _adam7(side_px: int) -> list[tuple[int, int]]:
    starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    steps = (*starts, (0, 1, 1, 2))
    return [(-(-(side_px - x) // dx), -(-(side_px - y) // dy)) for x, y, dx, dy in steps]


def _parts(total: int, most: int) -> Iterable[int]:
    while total > 0:
        yield min(total, most)
        total -= most


def with_transparent_palette(side_px: int = SIDE_PX) -> bytes:
    """Return a PNG with a palette of which every other colour lets the background through."""
    return new_blank_png("P", side_px, extra=chunk(b"tRNS", b"\x80\xff" * 128))


def with_chunk_flood(chunks: int, *, kind: bytes = b"prVt") -> bytes:
    """Return a PNG with many empty chunks before its pixels."""
    return new_blank_png("L", 64, extra=chunk(kind, b"") * chunks)


def with_pixel_chunk_flood(chunks: int) -> bytes:
    """Return a PNG whose pixels are followed by many empty chunks of pixels."""
    whole = new_blank_png("L", 64)
    end = chunk(b"IEND", b"")
    return whole.removesuffix(end) + chunk(b"IDAT", b"") * chunks + end


def with_text_bomb(unpacked_bytes: int, *, kind: bytes = b"zTXt", count: int = 1) -> bytes:
    """Return a PNG with compressed text that unpacks to so many bytes, so many times."""
    packed = zlib.compress(bytes(unpacked_bytes), 9)
    body = b"k\0\0" if kind == b"zTXt" else b"k\0\1\0\0\0"
    return new_blank_png("L", 64, extra=chunk(kind, body + packed) * count)


def with_sub_block_flood(blocks: int) -> bytes:
    """Return a GIF whose comment comes in many blocks of one byte."""
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, "GIF")
    gif = buffer.getvalue()
    at = gif.index(b"\x2c")
    comment = b"\x21\xfe" + b"\x01x" * blocks + b"\0"
    return gif[:at] + comment + gif[at:]


def new_blank_gif(side_px: int = SIDE_PX) -> bytes:
    """Return a blank GIF: a run of twelve bits makes thousands of pixels."""
    buffer = io.BytesIO()
    Image.new("L", (side_px, side_px)).save(buffer, "GIF")
    return buffer.getvalue()


def new_blank_tiff(mode: str, side_px: int, compression: str | None = None) -> bytes:
    """Return a blank TIFF. mode and compression: in Pillow's words."""
    buffer = io.BytesIO()
    Image.new(mode, (side_px, side_px)).save(buffer, "TIFF", compression=compression)
    return buffer.getvalue()


def new_tiff(tags: Iterable[tuple[int, int, int, int]], tail: bytes = b"") -> bytes:
    """Return a little-endian TIFF of the entries (tag, type, count, value or offset) alone."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    count = len(entries) // 12
    return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4) + tail


def with_strip_flood(strips: int) -> bytes:
    """Return a TIFF that names the same bytes as its strips many times."""
    offsets = struct.pack(f"<{strips}I", *[8] * strips)
    base = 8 + 2 + 9 * 12 + 4
    short, long = 3, 4
    tags = (
        (256, short, 1, 64),
        (257, short, 1, 64),
        (258, short, 1, 8),
        (259, short, 1, 1),
        (262, short, 1, 1),
        (273, long, strips, base),
        (277, short, 1, 1),
        (278, short, 1, 1),
        (279, long, strips, base),
    )
    return new_tiff(tags, offsets)


def with_tag_flood(tags: int) -> bytes:
    """Return a TIFF with many tags that no reader knows."""
    return new_tiff((40_000 + n % 20_000, 4, 1, n) for n in range(tags))


def new_run_length_bmp(side_px: int = SIDE_PX) -> bytes:
    """Return a BMP of empty lines in run-length code, which Pillow fills byte by byte."""
    lines = b"\x01\x00\x00\x00" * side_px + b"\x00\x01"
    palette = bytes(4 * 256)
    offset = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, side_px, side_px, 1, 8, 1, len(lines), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(lines), 0, 0, offset) + info + palette + lines


def new_blank_webp(side_px: int, *, lossless: bool = True, alpha: bool = False) -> bytes:
    """Return a blank WebP."""
    buffer = io.BytesIO()
    image = Image.new("RGBA" if alpha else "RGB", (side_px, side_px))
    image.save(buffer, "WEBP", lossless=lossless, method=0, quality=0)
    return buffer.getvalue()


_COLOUR_PX, _DEEP_PX, _DEEPEST_PX, _TWICE_PX = 5_792, 4_728, 4_096, 2_828

WORST_ADMITTED: dict[str, Callable[[], bytes]] = {
    "png, 16 bits of grey": partial(new_blank_png, "I;16", filter_type=4),
    "png, colour": partial(new_blank_png, "RGB", _COLOUR_PX, filter_type=4),
    "png, colour, one shade transparent": partial(
        new_blank_png, "RGB", _COLOUR_PX, extra=chunk(b"tRNS", bytes(6))
    ),
    "png, grey and alpha": partial(new_blank_png, "LA", _COLOUR_PX, filter_type=4),
    "png, colour and alpha": partial(new_blank_png, "RGBA", _COLOUR_PX, filter_type=4),
    "png, interlaced": partial(new_blank_png, "RGBA", _COLOUR_PX, interlaced=True),
    "png, 16 bits of colour": partial(new_blank_png, "RGB;16", _DEEP_PX, filter_type=4),
    "png, 16 bits of colour, decoded twice": partial(
        new_blank_png, "RGB;16", _TWICE_PX, filter_type=4
    ),
    "png, 16 bits and alpha": partial(new_blank_png, "RGBA;16", _DEEPEST_PX, filter_type=4),
    "png, transparent palette": with_transparent_palette,
    "gif": new_blank_gif,
    "tiff, floats": partial(new_blank_tiff, "F", _DEEPEST_PX, "tiff_adobe_deflate"),
    "tiff, colour and alpha": partial(new_blank_tiff, "RGBA", _DEEPEST_PX, "tiff_lzw"),
    "tiff, cmyk": partial(new_blank_tiff, "CMYK", _DEEPEST_PX, "packbits"),
    "webp, lossless": partial(new_blank_webp, 2_896),
    "webp, alpha": partial(new_blank_webp, 2_896, alpha=True),
    "webp, lossy": partial(new_blank_webp, 3_344, lossless=False),
    "jpeg, refining scans": partial(progressive_scan_flood, 7),
    "jpeg, first scans": partial(progressive_scan_flood, 7, refining=False),
}
"""What costs the most memory or time of all that is decoded, by name."""
