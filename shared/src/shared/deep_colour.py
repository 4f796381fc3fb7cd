"""Colour of 16 bits per sample becomes grey of 16 bits, where its upper bytes hold too little.

Pillow has no mode for it and keeps the upper byte of each sample. Told the other byte order, it
keeps the lower one: two decodings give both, in no more memory than the pixels take as stored.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from shared.deep_grey import NARROW, TAIL

_SPLIT = ";16"
_KINDS = ("RGB", "RGBX", "RGBA", "RGBa")
_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_WEIGHTS = {"R": 19_595, "G": 38_470, "B": 7_471}
"""Pillow's share of each colour in grey, in 65,536ths (ITU-R 601)."""
_LEVELS = 256
MAX_TWICE_DECODED_PIXELS = 8_000_000
"""Largest image that is decoded twice, which takes up to .1 s of CPU per megapixel. Radiographs of
more do not come in 16-bit colour."""

Band = tuple[int, Image.Image]


def has_deep_colour(image: ImageFile) -> bool:
    """Return whether an image not loaded yet has 16 bits per colour, and is not too large."""
    kind, split, order = _raw_mode(image).partition(_SPLIT)
    is_deep = bool(split) and kind in _KINDS and order in _OTHER_ORDER
    return is_deep and image.width * image.height <= MAX_TWICE_DECODED_PIXELS


def keep_lower_bytes(image: ImageFile) -> None:
    """Have an image of 16 bits per colour, not loaded yet, decode its lower bytes."""
    kind, _, order = _raw_mode(image).partition(_SPLIT)
    raw = f"{kind}{_SPLIT}{_OTHER_ORDER[order]}"
    image.tile = [
        tile._replace(args=raw if isinstance(tile.args, str) else (raw, *(tile.args or ())[1:]))
        for tile in image.tile
    ]


def is_narrow(bands: Iterable[Band]) -> bool:
    """Return whether the upper bytes may lie within a quarter of the range, but for the tails."""
    counts = np.zeros(_LEVELS, dtype=np.int64)
    for _, band in bands:
        counts += np.array(band.convert("L").histogram())
    below = np.cumsum(counts)
    ends = (TAIL * below[-1], (1 - TAIL) * below[-1])
    low, high = np.searchsorted(below, ends, side="left")
    return bool(high - low <= _LEVELS // NARROW)


@dataclass(slots=True)
class DeepColour:
    """Grey of 16 bits, put together from two decodings. size: width, height, pixels."""

    size: tuple[int, int]
    values: NDArray[np.uint16] = field(init=False)

    def __post_init__(self) -> None:
        self.values = np.empty(self.size[::-1], np.uint16)

    def take_upper(self, bands: Iterable[Band]) -> None:
        """Take the upper bytes, from the top."""
        for top, band in bands:
            upper = (_weighted(band) + (1 << 7)) >> 8
            self.values[top : top + band.height] = upper

    def add_lower(self, bands: Iterable[Band]) -> None:
        """Add the lower bytes, from the top."""
        for top, band in bands:
            lower = (_weighted(band) + (1 << 15)) >> 16
            self.values[top : top + band.height] += lower.astype(np.uint16)

    def show_on_black(self, alpha: Image.Image) -> None:
        """Darken what is transparent. alpha: mode L, of the same size."""
        for row, opacity in zip(self.values, np.asarray(alpha), strict=True):
            row[:] = row.astype(np.uint32) * opacity // (_LEVELS - 1)


def _weighted(band: Image.Image) -> NDArray[np.uint32]:
    """Return 65,536 times the grey of colours."""
    parts = (
        np.asarray(band.getchannel(name), dtype=np.uint32) * np.uint32(weight)
        for name, weight in _WEIGHTS.items()
    )
    total = next(parts)
    for part in parts:
        total += part
    return total


def _raw_mode(image: ImageFile) -> str:
    args = image.tile[0].args if image.tile else None
    raw = args[0] if isinstance(args, tuple) and args else args
    return raw if isinstance(raw, str) else ""
