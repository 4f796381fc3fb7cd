"""From stored values to grey levels, as a display would have them: PS3.3 C.7.6.3, C.11.1, C.11.2.

A value's level depends on the value alone. So a table of every possible value is made, 65,536 at
most, and applied to the image by look-up: the image itself is only ever held as bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.uint8]
Values = NDArray[np.float64]

TAIL = 0.001
"""Share of pixels at each end that may be clipped where the file has no window."""

MIN_INSIDE = 0.25
"""Share of pixels that must lie within a window; with fewer it is one for other values."""


class Shape(StrEnum):
    """VOI LUT Function."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True)
class GreyWindow:
    """Which values are spread over the grey scale. width: above 0; LINEAR wants 1 or more."""

    centre: float
    width: float
    shape: Shape = Shape.LINEAR


@dataclass(frozen=True, slots=True)
class Lookup:
    """entries: what the values first, first + 1, … become; those beyond become the nearest."""

    first: float
    entries: Values

    def of(self, values: Values) -> Values:
        """Look values up."""
        places = np.clip(np.floor(values) - self.first, 0, len(self.entries) - 1)
        found: Values = self.entries[places.astype(np.int64)]
        return found


@dataclass(frozen=True, slots=True)
class Rescale:
    """Real value = stored value · slope + intercept."""

    slope: float = 1.0
    intercept: float = 0.0

    def of(self, values: Values) -> Values:
        """Rescale values."""
        return values * self.slope + self.intercept


@dataclass(frozen=True, slots=True)
class GreyScale:
    """What a file says of its values. padding: stored values, both included, that are no picture.

    window: None where it names none; then the values that the picture has are spread, but for a
    thousandth of its pixels at either end, which one dead pixel or lead letter would else decide.
    """

    modality: Rescale | Lookup = Rescale()
    window: GreyWindow | Lookup | None = None
    is_inverse: bool = False
    padding: tuple[int, int] | None = None


def is_usable(window: GreyWindow) -> bool:
    """Return whether a window is one: widths of nothing are found in files."""
    least = 1.0 if window.shape is Shape.LINEAR else np.finfo(np.float64).tiny
    return bool(np.isfinite(window.centre) and np.isfinite(window.width) and window.width >= least)


def choose_window(
    windows: Sequence[GreyWindow | Lookup],
    stored: NDArray[np.int64],
    counts: NDArray[np.int64],
    scale: GreyScale,
) -> GreyScale:
    """Return the scale with the first window that is one for these values, or with none.

    Files have windows for 8 bits beside 12, or those of CT: the image is white or black in them.
    Padding, the least and the greatest value are not counted: background and saturation are
    outside of good windows as well.
    """
    real = scale.modality.of(stored.astype(np.float64))
    counted = np.where(_is_padding(stored, scale), 0, counts)
    present = np.flatnonzero(counted)
    if len(present):
        counted[present[[0, -1]]] = 0
    least = MIN_INSIDE * counted.sum()
    for window in windows:
        low, high = _ends(window)
        if counted[(real >= low) & (real <= high)].sum() >= least:
            return replace(scale, window=window)
    return replace(scale, window=None)


def _ends(window: GreyWindow | Lookup) -> tuple[float, float]:
    if isinstance(window, Lookup):
        return window.first, window.first + len(window.entries) - 1
    return window.centre - window.width / 2, window.centre + window.width / 2


def _is_padding(stored: NDArray[np.int64], scale: GreyScale) -> NDArray[np.bool_]:
    if scale.padding is None:
        return np.zeros(len(stored), dtype=bool)
    low, high = scale.padding
    return (stored >= low) & (stored <= high)


def level_table(stored: NDArray[np.int64], counts: NDArray[np.int64], scale: GreyScale) -> Levels:
    """Return the level of each stored value: int [N] → uint8 [N], 0 is black.

    counts: how many pixels have it, int [N].
    """
    real = scale.modality.of(stored.astype(np.float64))
    is_padding = _is_padding(stored, scale)
    grey = _spread(real, np.where(is_padding, 0, counts), scale.window)
    if scale.is_inverse:
        grey = 1.0 - grey
    # Padding is black, whatever the polarity of the image.
    grey[is_padding] = 0.0
    return np.floor(grey * 255.0 + 0.5).astype(np.uint8)


def _spread(real: Values, counts: NDArray[np.int64], window: GreyWindow | Lookup | None) -> Values:
    match window:
        case GreyWindow(shape=Shape.SIGMOID):
            with np.errstate(over="ignore"):
                sigmoid: Values = 1 / (1 + np.exp(-4 * (real - window.centre) / window.width))
            return sigmoid
        case GreyWindow(shape=Shape.LINEAR):
            return _ramp(real, window.centre - 0.5, window.width - 1)
        case GreyWindow():
            return _ramp(real, window.centre, window.width)
        case Lookup():
            # Over the entries that there are: files say 16 bits and mean 12.
            return _between(window.of(real), window.entries.min(), window.entries.max())
        case None:
            return _between(real, *_range(real, counts))


def _ramp(real: Values, centre: float, width: float) -> Values:
    if width == 0:
        return (real > centre).astype(np.float64)
    ramp: Values = np.clip((real - centre) / width + 0.5, 0.0, 1.0)
    return ramp


def _between(values: Values, low: float, high: float) -> Values:
    if not high > low:
        return np.zeros_like(values)
    between: Values = np.clip((values - low) / (high - low), 0.0, 1.0)
    return between


def _range(real: Values, counts: NDArray[np.int64]) -> tuple[float, float]:
    order = np.argsort(real, kind="stable")
    below = np.cumsum(counts[order])
    if not len(below) or not below[-1]:
        return 0.0, 0.0
    low, high = np.searchsorted(below, (TAIL * below[-1], (1 - TAIL) * below[-1]), side="left")
    # The first value that any pixel has, where the tail is less than a pixel.
    low = max(low, np.searchsorted(below, 1))
    return float(real[order[low]]), float(real[order[high]])
