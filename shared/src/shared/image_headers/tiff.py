"""The first directory of a TIFF. TIFF 6.0; https://www.loc.gov/preservation/digital/formats."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from shared.image_headers.model import (
    MAX_SEGMENTS,
    ImageHeader,
    damaged,
    refused,
    too_much_metadata,
)

MAX_STRIPS = 16_384
"""Maximum strips or tiles; a scanner writes one row per strip at most."""

_MAX_RATIONALS = 4_096
"""Maximum fractions in one directory: Pillow makes an object of each."""
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SHORT, _LONG = 3, 4
_RATIONALS = (5, 10)
_IN_PLACE_BYTES = 4
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _ORIENTATION, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 274, 277, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _SAMPLE_FORMAT = 322, 323, 324, 325, 339
_STRIP_LISTS = (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES)
_DIRECTORIES = (34665, 34853, 40965)  # EXIF, GPS and interoperability
_MAX_SAMPLES = 6
_UPRIGHT = 1
_UNCOMPRESSED = 1
_COMPRESSIONS = {1, 2, 3, 4, 5, 8, 32773, 32946}
"""None, the three of CCITT, LZW, Deflate, PackBits, and Deflate's old number. What is left out
needs memory or time that the header does not show (LZMA, Zstandard, WebP, JPEG), or is obsolete."""
_YCBCR = 6


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    at: int


@dataclass(frozen=True, slots=True)
class _Directory:
    data: bytes
    order: str
    entries: Mapping[int, _Entry]

    def number(self, tag: int, default: int | None = None) -> int:
        """Return the first value of a tag, a whole number."""
        entry = self.entries.get(tag)
        if entry is None:
            if default is None:
                raise damaged()
            return default
        if entry.kind not in (_SHORT, _LONG) or not entry.count:
            raise damaged()
        kind = "H" if entry.kind == _SHORT else "I"
        (value,) = struct.unpack_from(self.order + kind, self.data, entry.at)
        return int(value)


def read_tiff(data: bytes) -> ImageHeader:
    """Read the first directory. Raises ImageError: UNDECODABLE."""
    order = "<" if data.startswith(b"II") else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    directory = _read_directory(data, order, at)
    for tag in _DIRECTORIES:
        if tag in directory.entries:
            _read_directory(data, order, directory.number(tag))
    width, height = directory.number(_WIDTH), directory.number(_HEIGHT)
    if not width or not height:
        raise damaged()
    decoded_bytes = _decoded_bytes(directory, width, height)
    return ImageHeader("TIFF", width, height, decoded_bytes)


def _read_directory(data: bytes, order: str, at: int) -> _Directory:
    (count,) = struct.unpack_from(order + "H", data, at)
    if count > MAX_SEGMENTS:
        raise too_much_metadata()
    entries: dict[int, _Entry] = {}
    elsewhere_bytes = rationals = 0
    for n in range(count):
        start = at + 2 + 12 * n
        tag, kind, values, offset = struct.unpack_from(order + "HHII", data, start)
        size = values * _TYPE_BYTES.get(kind, 0)
        if tag in entries:
            raise damaged()
        if size > _IN_PLACE_BYTES:
            elsewhere_bytes += size
        entries[tag] = _Entry(kind, values, offset if size > _IN_PLACE_BYTES else start + 8)
        rationals += values if kind in _RATIONALS else 0
        if tag in _STRIP_LISTS and values > MAX_STRIPS:
            raise refused(f"The TIFF has more than {MAX_STRIPS} strips. Save it with fewer.")
    if elsewhere_bytes > len(data) or rationals > _MAX_RATIONALS:
        raise too_much_metadata()
    return _Directory(data, order, entries)


def _decoded_bytes(directory: _Directory, width: int, height: int) -> int:
    compression = directory.number(_COMPRESSION, _UNCOMPRESSED)
    if compression not in _COMPRESSIONS:
        raise refused(
            f"The TIFF's compression, {compression}, is not taken. Save it with LZW or Deflate."
        )
    samples, bits = directory.number(_SAMPLES, 1), directory.number(_BITS, 1)
    if not 1 <= samples <= _MAX_SAMPLES or not bits:
        raise damaged()
    sample_bytes = -(-bits // 8)
    pixel_bytes = samples * sample_bytes
    stored = pixel_bytes * _padded_pixels(directory, width, height)
    shown = width * height * _shown_bytes(directory, samples, sample_bytes)
    if directory.number(_ORIENTATION, _UPRIGHT) != _UPRIGHT:
        shown *= 2
    if compression == _UNCOMPRESSED:
        return max(shown, stored)
    if directory.number(_PHOTOMETRIC, 0) == _YCBCR:
        pixel_bytes = max(pixel_bytes, 4)
    return max(shown + pixel_bytes * _unpacked_pixels(directory, width, height), stored)


def _shown_bytes(directory: _Directory, samples: int, sample_bytes: int) -> int:
    """Return the bytes of one pixel in Pillow's memory."""
    if samples > 1 or directory.number(_PHOTOMETRIC, 0) == _YCBCR:
        return 4
    is_unsigned = directory.number(_SAMPLE_FORMAT, 1) == 1
    return 1 if sample_bytes == 1 else sample_bytes if is_unsigned else 4


def _padded_pixels(directory: _Directory, width: int, height: int) -> int:
    """Return the pixels of all tiles, of which the last ones stand out over the image."""
    if _TILES not in directory.entries:
        return width * height
    across, down = directory.number(_TILE_WIDTH), directory.number(_TILE_HEIGHT)
    if not across or not down:
        raise damaged()
    return -(-width // across) * across * -(-height // down) * down


def _unpacked_pixels(directory: _Directory, width: int, height: int) -> int:
    """Return the pixels that are unpacked at once: a tile, or a strip."""
    if _TILES in directory.entries:
        return directory.number(_TILE_WIDTH) * directory.number(_TILE_HEIGHT)
    return width * min(height, directory.number(_ROWS_PER_STRIP, height) or height)
