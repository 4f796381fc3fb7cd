"""The frame and the scans of a JPEG, read from its markers alone. ITU-T T.81, annex B.

Pillow builds an image with tables and metadata to report a size: ten times as long as this takes,
and half the time of decoding a small radiograph.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.image_headers.model import (
    MAX_METADATA_BYTES,
    MAX_SEGMENTS,
    ImageHeader,
    Span,
    add_span,
    damaged,
    refused,
    too_much_metadata,
)

MAX_SCANS = 100
"""Maximum scans of one JPEG; radiographs have 1 to 10."""

MAX_BLOCK_PASSES = 6_000_000
"""Maximum blocks × scans, a second of CPU at worst. Common encoders send 40 megapixels of colour
in 5 million."""

_FILL, _STUFFED = 0xFF, 0x00
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended and progressive, Huffman coded
_PROGRESSIVE = 0xC2
_OTHER_FRAMES = frozenset((0xC3, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_LS_FRAME = 0xF7  # ITU-T T.87
_SKIPPED = frozenset((_FILL, _STUFFED, *range(0xD0, 0xD8)))
_TABLES = frozenset((0xC4, 0xDB, 0xDD))  # Huffman codes, quantisation, restart interval
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FIRST_WITH_LENGTH = 0xC0
_JFIF, _APP1, _ADOBE, _COMMENT = 0xE0, 0xE1, 0xEE, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_TURNING = (b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0")
_BITS = 8
_BLOCK_PX = 8
_SAMPLING = frozenset(across << 4 | down for across in range(1, 5) for down in range(1, 5))
_CMYK = 4
_LARGEST_OUTPUT_PX = 448
"""Side of the largest image that anyone asks for; a JPEG is scaled while it is decoded."""


class Frame(NamedTuple):
    """width, height: pixels, above 0. ids: of the components, as scans name them.

    sampling: of each component, the horizontal factor in the upper four bits, the vertical below.
    """

    width: int
    height: int
    is_progressive: bool
    ids: bytes
    sampling: bytes

    def count_blocks(self) -> list[tuple[int, int]]:
        """Return each component's id, which may occur twice, and its number of 8 × 8 blocks."""
        across = _units(self.width, max(both >> 4 for both in self.sampling))
        down = _units(self.height, max(both & 15 for both in self.sampling))
        return [
            (id_, across * (both >> 4) * down * (both & 15))
            for id_, both in zip(self.ids, self.sampling, strict=True)
        ]


@dataclass(slots=True)
class _Walk:
    data: bytes
    at: int = 2
    frame: Frame | None = None
    turning_bytes: int = 0
    spans: list[Span] = field(default_factory=lambda: [(0, 2)])


def read_jpeg(data: bytes) -> ImageHeader:
    """Read frame and scans. Raises ImageError: UNDECODABLE."""
    walk = _Walk(data)
    for _ in range(MAX_SEGMENTS):
        if _step(walk):
            return _header(walk)
    raise too_much_metadata()


def _step(walk: _Walk) -> bool:
    """Read one segment. Return whether it was the header of the first scan."""
    data, at = walk.data, walk.at
    lead, marker = data[at], data[at + 1]
    if lead != _FILL:
        # No marker here. Decoders look for the next one, and so does this.
        walk.at = data.find(b"\xff", at)
        if walk.at < 0:
            raise damaged()
        return False
    if marker in _SKIPPED:
        walk.at += 1 if marker == _FILL else 2
        return False
    if marker in (_START, _END) or marker < _FIRST_WITH_LENGTH:
        raise damaged()
    length = data[at + 2] << 8 | data[at + 3]
    end = at + 2 + length
    if length < 2 or end > len(data):  # noqa: PLR2004  the length counts itself
        raise damaged()
    if marker == _SCAN:
        return True
    if marker in _TABLES:
        add_span(walk.spans, at, end)
    else:
        _take_segment(walk, marker, end)
    walk.at = end
    return False


def _take_segment(walk: _Walk, marker: int, end: int) -> None:
    at = walk.at
    _refuse_other_frames(marker)
    if marker in _FRAMES:
        if walk.frame is not None:
            raise damaged()
        walk.frame = _frame_at(walk.data, at + 4, end, is_progressive=marker == _PROGRESSIVE)
    if marker == _APP1:
        if not walk.data.startswith(_TURNING, at + 4):
            return
        walk.turning_bytes += end - at
        if walk.turning_bytes > MAX_METADATA_BYTES:
            raise too_much_metadata()
    elif marker == _COMMENT or (marker in _APPLICATION and marker not in (_JFIF, _ADOBE)):
        return
    add_span(walk.spans, at, end)


def _refuse_other_frames(marker: int) -> None:
    if marker in _OTHER_FRAMES:
        raise refused(
            "The JPEG is lossless, arithmetic coded or hierarchical. Save it as baseline."
        )
    if marker == _LS_FRAME:
        raise refused("The file is JPEG-LS. Save it as a baseline JPEG, or as a PNG.")


def _frame_at(data: bytes, at: int, end: int, *, is_progressive: bool) -> Frame:
    bits, height, width, count = struct.unpack_from(">BHHB", data, at)
    if bits != _BITS:
        raise refused(f"The JPEG has {bits} bits per sample. Save it with 8.")
    if not height:
        raise refused("The JPEG's header leaves out its height (DNL). Save it anew.")
    if not (width and count in (1, 3, 4) and at + 6 + 3 * count <= end):
        raise damaged()
    ids, sampling = data[at + 6 : end : 3], data[at + 7 : end : 3]
    if not _SAMPLING.issuperset(sampling[:count]):
        raise damaged()
    return Frame(width, height, is_progressive, ids[:count], sampling[:count])


def _units(side_px: int, sampling: int) -> int:
    return -(-side_px // (_BLOCK_PX * sampling))


def _header(walk: _Walk) -> ImageHeader:
    frame, data, at = walk.frame, walk.data, walk.at
    if frame is None:
        raise damaged()
    count = len(frame.ids)
    decoded_bytes = _output_bytes(frame)
    if frame.is_progressive or data[at + 4] < count:
        blocks = frame.count_blocks()
        _check_scans(data, at, blocks)
        # Coefficients of two bytes are kept until the last scan has come.
        decoded_bytes += 2 * _BLOCK_PX**2 * sum(number for _, number in blocks)
    add_span(walk.spans, at, len(data))
    is_plain = count != _CMYK and not walk.turning_bytes
    spans = () if len(walk.spans) == 1 else tuple(walk.spans)
    return ImageHeader(
        "JPEG",
        frame.width,
        frame.height,
        decoded_bytes,
        is_plain=is_plain,
        is_progressive=frame.is_progressive,
        spans=spans,
    )


def _output_bytes(frame: Frame) -> int:
    shorter_px = min(frame.width, frame.height)
    scale = next(n for n in (8, 4, 2, 1) if n == 1 or shorter_px >= n * _LARGEST_OUTPUT_PX)
    samples = _CMYK if len(frame.ids) == _CMYK else 1
    return samples * frame.width * frame.height // scale**2


def _check_scans(data: bytes, at: int, blocks: Sequence[tuple[int, int]]) -> None:
    """Count what a decoder may take for a scan: entropy-coded bytes hold no such marker."""
    if data.count(b"\xff\xda", at) > MAX_SCANS:
        raise refused(f"The JPEG has more than {MAX_SCANS} scans. Save it as baseline.")
    passes = 0
    while at >= 0:
        passes += _blocks_of_scan(data, at, blocks)
        at = data.find(b"\xff\xda", at + 2)
    if passes > MAX_BLOCK_PASSES:
        raise refused("The JPEG has too many scans for its size. Save it as baseline.")


def _blocks_of_scan(data: bytes, at: int, blocks: Sequence[tuple[int, int]]) -> int:
    """Return the blocks that one scan passes over; those of all where it cannot be read."""
    count = data[at + 4] if at + 4 < len(data) else 0
    ids = data[at + 5 : at + 5 + 2 * count : 2]
    passed = sum(number for id_, number in blocks if id_ in ids)
    return passed or sum(number for _, number in blocks)
