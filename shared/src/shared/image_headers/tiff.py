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
_WHOLE_KINDS = {1: "B", 3: "H", 4: "I"}
_RATIONALS = (5, 10)
_IN_PLACE_BYTES = 4
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _ORIENTATION, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 274, 277, 278, 279
_PLANAR, _EXTRA, _SAMPLE_FORMAT = 284, 338, 339
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_STRIP_LISTS = (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES)
_DIRECTORIES = (34665, 34853, 40965)  # EXIF, GPS and interoperability
_MAX_SAMPLES = 6
_UPRIGHT = 1
_UNCOMPRESSED = 1
_COMPRESSIONS = {1, 2, 3, 4, 5, 8, 32773, 32946}
"""None, the three of CCITT, LZW, Deflate, PackBits, and Deflate's old number. What is left out
needs memory or time that the header does not show (LZMA, Zstandard, WebP, JPEG), or is obsolete."""
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _YCBCR = 0, 1, 6
_SEPARATE = 2
_UNSIGNED, _SIGNED = 1, 2
_MULTIPLIED, _SEPARATE_ALPHA = 1, 2
_BYTE_BITS = 8


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
        if entry.kind not in _WHOLE_KINDS or not entry.count:
            raise damaged()
        kind = self.order + _WHOLE_KINDS[entry.kind]
        (value,) = struct.unpack_from(kind, self.data, entry.at)
        return int(value)

    def replaced(self, tag: int, value: int) -> tuple[int, bytes]:
        """Return where the first value of a tag stands, and the bytes of another."""
        entry = self.entries[tag]
        return entry.at, struct.pack(self.order + _WHOLE_KINDS[entry.kind], value)


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
    _refuse_misread_samples(directory)
    is_negative = _is_negative(directory)
    is_on_black = _is_multiplied(directory)
    replacement = None
    if is_negative:
        # Pillow reads deep grey with BlackIsZero in every byte order and sample format.
        replacement = directory.replaced(_PHOTOMETRIC, _BLACK_IS_ZERO)
    elif is_on_black:
        # Pillow would divide by the alpha, and its lower bytes say nothing by themselves.
        replacement = directory.replaced(_EXTRA, _SEPARATE_ALPHA)
    return ImageHeader(
        "TIFF",
        width,
        height,
        decoded_bytes,
        is_negative=is_negative,
        is_on_black=is_on_black,
        replacement=replacement,
    )


def _refuse_misread_samples(directory: _Directory) -> None:
    """Raise ImageError for samples that Pillow reads, and reads wrong."""
    samples, bits = directory.number(_SAMPLES, 1), directory.number(_BITS, 1)
    if _PHOTOMETRIC not in directory.entries:
        raise refused(
            "The TIFF has no PhotometricInterpretation, so it may be a negative. Save it anew."
        )
    if samples > 1 and bits > _BYTE_BITS and directory.number(_PLANAR, 1) == _SEPARATE:
        raise refused(
            f"The TIFF has its colours in separate planes of {bits} bits. Save it as grey."
        )
    if bits == _BYTE_BITS and directory.number(_SAMPLE_FORMAT, _UNSIGNED) == _SIGNED:
        raise refused("The TIFF has signed samples of 8 bits. Save it with unsigned ones.")


def _is_negative(directory: _Directory) -> bool:
    is_deep = directory.number(_BITS, 1) > _BYTE_BITS and directory.number(_SAMPLES, 1) == 1
    return is_deep and directory.number(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _is_multiplied(directory: _Directory) -> bool:
    is_deep = directory.number(_BITS, 1) > _BYTE_BITS
    return is_deep and directory.number(_EXTRA, 0) == _MULTIPLIED


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
    if samples > _MAX_SAMPLES:
        raise refused(f"The TIFF has {samples} samples per pixel. Save it as grey.")
    if not samples or not bits:
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
    """Return the bytes of one pixel in Pillow's memory, and in that of `deep_colour`."""
    if samples > 1 and sample_bytes > 1:
        return 4 + 2 + int(samples > 3)  # noqa: PLR2004  colours, their grey, and alpha
    if samples > 1 or directory.number(_PHOTOMETRIC, 0) == _YCBCR:
        return 4
    is_unsigned = directory.number(_SAMPLE_FORMAT, _UNSIGNED) == _UNSIGNED
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
