"""PNG and TIFF of more than 8 bits, of kinds that Pillow reads and does not write."""

import struct
import zlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shared.testing.hostile_images import chunk

_PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
_SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}
_SHORT, _LONG = 3, 4
_GREY, _COLOUR = 1, 2
_INTERLEAVED = 1


def new_deep_png(samples: NDArray[np.uint16]) -> bytes:
    """Return a PNG of 16 bits: uint16 [rows, columns, 1 to 4], the last of 2 or 4 is alpha."""
    rows, columns, count = samples.shape
    header = struct.pack(">IIBBBBB", columns, rows, 16, _PNG_COLOURS[count], 0, 0, 0)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def new_raw_tiff(
    samples: NDArray[Any],
    *,
    order: Literal["<", ">"] = "<",
    photometric: int | None = None,
    alpha: int = 2,
    planar: int = _INTERLEAVED,
    is_deflated: bool = False,
) -> bytes:
    """Return a TIFF: numbers of any kind [rows, columns, samples].

    order: < or >. photometric: None for BlackIsZero or RGB. alpha: ExtraSamples of 2 or 4 samples.
    """
    rows, columns, count = samples.shape
    planes = samples if planar == _INTERLEAVED else np.moveaxis(samples, -1, 0)
    stored = planes.astype(samples.dtype.newbyteorder(order))
    strips = [stored.tobytes()] if planar == _INTERLEAVED else [plane.tobytes() for plane in stored]
    if is_deflated:
        strips = [zlib.compress(strip) for strip in strips]
    sizes = [len(strip) for strip in strips]
    colour = _GREY if count < 3 else _COLOUR  # noqa: PLR2004  grey, or red, green and blue
    tags: dict[int, tuple[int, list[int]]] = {
        256: (_LONG, [columns]),
        257: (_LONG, [rows]),
        258: (_SHORT, [samples.dtype.itemsize * 8] * count),
        259: (_SHORT, [8 if is_deflated else 1]),
        262: (_SHORT, [colour if photometric is None else photometric]),
        273: (_LONG, [8 + sum(sizes[:n]) for n in range(len(sizes))]),
        277: (_SHORT, [count]),
        278: (_LONG, [rows]),
        279: (_LONG, sizes),
        284: (_SHORT, [planar]),
        338: (_SHORT, [alpha]),
        339: (_SHORT, [_SAMPLE_FORMATS[samples.dtype.kind]] * count),
    }
    if count not in (2, 4):
        del tags[338]
    return _with_directory(b"".join(strips), tags, order)


def _with_directory(pixels: bytes, tags: dict[int, tuple[int, list[int]]], order: str) -> bytes:
    entries, beside = b"", b""
    for tag, (kind, values) in tags.items():
        body = struct.pack(f"{order}{len(values)}{'H' if kind == _SHORT else 'I'}", *values)
        if len(body) > 4:  # noqa: PLR2004  what fits into the entry
            at = struct.pack(f"{order}I", 8 + len(pixels) + len(beside))
            beside += body
            body = at
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + body.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(
        f"{order}I", 8 + len(pixels) + len(beside)
    )
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    return start + pixels + beside + directory
