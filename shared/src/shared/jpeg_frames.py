"""The frame of a plain JPEG, read from its markers alone.

Pillow builds an image with tables and metadata to tell a size: ten times as long as this takes, and
half the time of decoding a small radiograph. What is not plain is left to Pillow.
"""

import struct
from dataclasses import dataclass

_START = b"\xff\xd8\xff"
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended and progressive, Huffman coded
_OTHER_FRAMES = frozenset((0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_SCAN = 0xDA
_FILL = 0xFF
_EXIF, _SEVERAL_PICTURES = 0xE1, 0xE2
_BITS = 8
_MOST_SEGMENTS = 200


@dataclass(frozen=True, slots=True)
class Frame:
    """width, height: pixels, above 0; components: 1 (grey) or 3 (colour)."""

    width: int
    height: int
    components: int


def plain_frame(data: bytes) -> Frame | None:
    """Give the frame of a JPEG that one decode call shows as its maker meant it, else None.

    None: no JPEG, damaged before its first scan, CMYK, lossless or of 12 bits, or with metadata
    that may turn it (APP1: EXIF) or add pictures (APP2). ITU-T T.81, annex B.
    """
    if not data.startswith(_START):
        return None
    frame, at = None, 2
    try:
        for _ in range(_MOST_SEGMENTS):
            lead, marker, length = struct.unpack_from(">BBH", data, at)
            if lead != _FILL or marker in _OTHER_FRAMES or marker in (_EXIF, _SEVERAL_PICTURES):
                return None
            if marker == _SCAN:
                return frame
            if marker in _FRAMES:
                frame = _frame_at(data, at + 4)
            at += 2 + length
    except struct.error:
        return None
    return None


def _frame_at(data: bytes, at: int) -> Frame | None:
    bits, height, width, components = struct.unpack_from(">BHHB", data, at)
    plain = bits == _BITS and height > 0 and width > 0 and components in (1, 3)
    return Frame(width, height, components) if plain else None
