"""The look of a radiograph without its content: spatial spectrum and distribution of greys.

A hospital's look is what a naive fine-tune memorises. Giving one picture another's look, whatever
the class of either, takes the shortcut away.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps
from scipy import fft, ndimage

from trainer.core.arrays import Floats, Grey
from trainer.core.views import REFERENCE_PX, Rng, clipped, to_floats, to_image

_Rings = NDArray[np.int32]


@lru_cache(maxsize=4)
def _rings(side: int) -> tuple[_Rings, NDArray[np.int64]]:
    """Spatial frequency of every place of a half spectrum, and how many places share it."""
    rows, columns = fft.fftfreq(side)[:, None] * side, fft.rfftfreq(side)[None, :] * side
    rings = np.minimum(np.hypot(rows, columns).astype(np.int32), side // 2)
    return rings, np.bincount(rings.ravel())


def _radial(spectrum: NDArray[np.complex64], side: int) -> NDArray[np.float64]:
    """Root mean square amplitude by spatial frequency."""
    rings, counts = _rings(side)
    power = np.bincount(rings.ravel(), (np.abs(spectrum) ** 2).ravel()) / counts
    return np.asarray(np.sqrt(power + 1e-3))


def tilt_spectrum(x: Floats, rng: Rng) -> Floats:
    """Multiply amplitudes by frequency to a random power."""
    side = x.shape[0]
    gain = (np.maximum(_rings(side)[0], 4) / 4.0) ** rng.uniform(-0.6, 0.45)
    return np.asarray(fft.irfft2(fft.rfft2(x) * gain, x.shape), np.float32)


def match_spectrum(x: Floats, other: Grey, rng: Rng) -> Floats:
    """Give the picture the other's radial spectrum above a random low frequency."""
    side = x.shape[0]
    ours, theirs = fft.rfft2(x), fft.rfft2(other.astype(np.float32))
    ratio = np.clip(_radial(theirs, side) / _radial(ours, side), 0.1, 6)
    gain = ratio ** rng.uniform(0.5, 1.0)
    gain[: rng.integers(2, 12)] = 1
    return np.asarray(fft.irfft2(ours * gain[_rings(side)[0]], x.shape), np.float32)


def match_histogram(x: Floats, other: Grey, rng: Rng) -> Floats:
    """Give the picture part of the other's distribution of greys."""
    ours = clipped(x).astype(np.uint8)
    rank = np.cumsum(np.bincount(ours.ravel(), minlength=256)) / ours.size
    theirs = np.cumsum(np.bincount(other.ravel(), minlength=256)) / other.size
    table = np.interp(rank, theirs, np.arange(256))
    share = rng.uniform(0.4, 1)
    return np.asarray((1 - share) * x + share * table[ours], np.float32)


def change_gamma(x: Floats, rng: Rng) -> Floats:
    """Raise to a power between about ½ and 2."""
    exponent = np.float32(np.exp(rng.uniform(-0.6, 0.6)))
    return np.asarray(255 * (clipped(x) / 255) ** exponent, np.float32)


def change_contrast(x: Floats, rng: Rng) -> Floats:
    """Stretch about the mean, and lift."""
    gain, lift = np.float32(rng.uniform(0.5, 1.7)), np.float32(rng.uniform(-45, 45))
    return clipped((x - x.mean()) * gain + x.mean() + lift)


def equalise(x: Floats, rng: Rng) -> Floats:
    """Equalise the histogram, partly."""
    share = np.float32(rng.uniform(0.2, 1))
    return (1 - share) * x + share * to_floats(ImageOps.equalize(to_image(x)))


def take_local_mean(x: Floats, rng: Rng) -> Floats:
    """Take the local mean partly away, as CLAHE does."""
    width = max(3, round(int(rng.integers(24, 80)) * x.shape[0] / REFERENCE_PX))
    mean = ndimage.uniform_filter(x, width)
    return clipped(x - np.float32(rng.uniform(0.2, 0.75)) * (mean - x.mean()))


def bend_tones(x: Floats, rng: Rng) -> Floats:
    """Apply a random monotone tone curve."""
    steps = np.cumsum(rng.dirichlet(np.full(6, 1.6)))
    table = np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, 7), [0, *steps]) * 255
    return np.asarray(table[clipped(x).astype(np.uint8)], np.float32)
