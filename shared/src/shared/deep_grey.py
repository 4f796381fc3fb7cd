"""Grey of more than 8 bits becomes levels 0..255: of its whole range, or of the part it uses.

Files say 16 bits and hold 8, 10, 12 or 14 (pydicom#2122, Pillow#5403). Divided by 257, 12 bits
leave 16 levels, and a radiograph loses its lungs without a warning. Fractions and 32 bits have no
range of their own at all: what they hold is their range.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Values = NDArray[np.uint16] | NDArray[np.int32] | NDArray[np.uint32] | NDArray[np.float32]
Bands = Callable[[], Iterable[Values]]
"""Gives the values of an image from the top, a band of rows at a time; called more than once."""

TAIL = 0.001
"""Share of pixels at each end that may be clipped: a dead pixel or a lead letter has full scale."""

NARROW = 4
"""A range below this part of the whole is spread: 257 would leave fewer than 64 of 256 levels."""

_WHOLE, _SHORT_BYTES = 65_535, 2
_SAMPLE = 1 << 20
"""Pixels at most, more or less, that the tails of fractions are judged by."""


@dataclass(frozen=True, slots=True)
class DeepScale:
    """Values low..high become the levels 0..255; those beyond become the nearest level."""

    low: float = 0.0
    high: float = float(_WHOLE)
    is_inverse: bool = False

    def to_grey(self, values: Values) -> Image.Image:
        """Return the values [rows, columns] as an image of mode L; what is no number is black."""
        # float32 holds 16 bits; 32 bits far from 0 would lose their lower ones.
        kind = np.dtype(np.float32 if values.dtype.itemsize == _SHORT_BYTES else np.float64)
        levels = values.astype(kind)
        with np.errstate(over="ignore", invalid="ignore"):
            levels -= self.low
            levels /= (self.high - self.low) / 255
        if self.is_inverse:
            np.subtract(255.0, levels, out=levels)
        if values.dtype.kind == "f":
            np.nan_to_num(levels, copy=False)
        levels += 0.5
        return Image.fromarray(np.clip(levels, 0, 255, out=levels).astype(np.uint8))


def new_deep_scale(bands: Bands, *, is_inverse: bool) -> DeepScale:
    """Return the scale of an image.

    The whole range, unless all pixels, or all but the tails, lie within a quarter of it. Whole are
    16 bits where the values are whole numbers among them, else the values from least to greatest.
    """
    least, most, is_whole = _find_ends(bands())
    if not most > least:
        return DeepScale(is_inverse=is_inverse)
    low, high = (0.0, float(_WHOLE)) if is_whole else (least, most)
    if most - least < (high - low) / NARROW:
        return DeepScale(least, most, is_inverse)
    near_low, near_high = (
        _whole_without_tails(bands()) if is_whole else _without_tails(bands(), _stride(bands()))
    )
    if 0 < near_high - near_low < (high - low) / NARROW:
        return DeepScale(near_low, near_high, is_inverse)
    return DeepScale(low, high, is_inverse)


def _find_ends(bands: Iterable[Values]) -> tuple[float, float, bool]:
    """Return the least and the greatest value, and whether all are whole numbers of 16 bits."""
    least, most, is_whole = np.inf, -np.inf, True
    for band in bands:
        values = _finite(band)
        if values.size:
            least, most = min(least, float(values.min())), max(most, float(values.max()))
        is_whole = is_whole and values.dtype.kind in "iu"
    return least, most, is_whole and least >= 0 and most <= _WHOLE


def _whole_without_tails(bands: Iterable[Values]) -> tuple[float, float]:
    """Return the ends of whole numbers of 16 bits, without the tails."""
    counts = np.zeros(_WHOLE + 1, dtype=np.int64)
    for band in bands:
        counts += np.bincount(_finite(band).astype(np.uint16, copy=False), minlength=_WHOLE + 1)
    below = np.cumsum(counts)
    ends = (TAIL * below[-1], (1 - TAIL) * below[-1])
    first, last = np.searchsorted(below, ends, side="left")
    return float(first), float(last)


def _without_tails(bands: Iterable[Values], stride: int) -> tuple[float, float]:
    """Return the ends of any numbers, without the tails, judged by every stride-th of them.

    One filler of 1e38 would leave all others in one bin of a histogram.
    """
    sample = np.concatenate([_finite(band)[::stride] for band in bands])
    low, high = np.quantile(sample, (TAIL, 1 - TAIL), method="inverted_cdf")
    return float(low), float(high)


def _stride(bands: Iterable[Values]) -> int:
    return max(1, sum(band.size for band in bands) // _SAMPLE)


def _finite(values: Values) -> Values:
    """Return the finite values, flat."""
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
