"""Grey of more than 8 bits becomes levels 0..255: of its whole range, or of the part it uses.

Files say 16 bits and hold 8, 10, 12 or 14 (pydicom#2122, Pillow#5403). Divided by 257, 12 bits
leave 16 levels, and a radiograph loses its lungs without a warning.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I")
"""Pillow's modes of one deep sample per pixel."""

TAIL = 0.001
"""Share of pixels at each end that may be clipped: a dead pixel or a lead letter has full scale."""

_WHOLE = 65_535
_NARROW = 1 << 14
"""A range below this leaves fewer than 64 of 256 levels when it is divided by 257."""


@dataclass(frozen=True, slots=True)
class DeepScale:
    """Values low..high become the levels 0..255; those beyond become the nearest level."""

    low: float = 0.0
    high: float = float(_WHOLE)
    is_inverse: bool = False

    def to_grey(self, image: Image.Image) -> Image.Image:
        """Return the image, of one of DEEP_MODES, in mode L."""
        values = np.asarray(image, dtype=np.float32) - np.float32(self.low)
        levels = values / np.float32((self.high - self.low) / 255)
        if self.is_inverse:
            levels = np.float32(255.0) - levels
        return Image.fromarray(np.clip(levels + 0.5, 0, 255).astype(np.uint8))


def new_deep_scale(bands: Iterable[Image.Image], *, is_inverse: bool) -> DeepScale:
    """Return the scale of an image of one of DEEP_MODES, which is given in bands.

    The whole range, unless all pixels, or all but the tails, lie within a quarter of it.
    """
    counts = np.zeros(_WHOLE + 1, dtype=np.int64)
    least, most = _WHOLE, 0
    for band in bands:
        values = np.asarray(band).ravel()
        least, most = min(least, int(values.min())), max(most, int(values.max()))
        counts += np.bincount(np.clip(values, 0, _WHOLE), minlength=_WHOLE + 1)
    if least < 0 or most > _WHOLE or 0 < most - least < _NARROW:
        return DeepScale(least, most, is_inverse)
    low, high = _without_tails(counts)
    if 0 < high - low < _NARROW:
        return DeepScale(low, high, is_inverse)
    return DeepScale(is_inverse=is_inverse)


def _without_tails(counts: NDArray[np.int64]) -> tuple[int, int]:
    below = np.cumsum(counts)
    ends = (TAIL * below[-1], (1 - TAIL) * below[-1])
    low, high = np.searchsorted(below, ends, side="left")
    return int(low), int(high)
