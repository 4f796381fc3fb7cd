"""Measures of one grey picture, each a number that a person can check by eye."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Grey: TypeAlias = NDArray[np.uint8]
"""uint8 [H, W], at least 3 × 3."""

EDGE_STRENGTH = 64.0
"""Sobel magnitude above which a pixel lies on an edge; a step of 16 grey levels reaches it."""


def intensity_histogram(grey: Grey) -> NDArray[np.int64]:
    """Count pixels of every grey level, int64 [256]."""
    return np.bincount(grey.ravel(), minlength=256).astype(np.int64)


def edge_density(grey: Grey) -> float:
    """Give the share of pixels, 0..1, on an edge; the rim of one pixel is left out.

    Edge: magnitude of the Sobel gradient (Sobel and Feldman 1968) above EDGE_STRENGTH.
    """
    return float((_sobel(grey) > EDGE_STRENGTH).mean())


def sharpness(grey: Grey) -> float:
    """Give the variance of the Laplacian (Pech-Pacheco et al. 2000), grey levels squared."""
    x = grey.astype(np.float32)
    inner = x[1:-1, 1:-1]
    laplacian = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] - 4 * inner
    return float(laplacian.var())


def _sobel(grey: Grey) -> NDArray[np.float32]:
    x = grey.astype(np.float32)
    down = x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]
    right = x[:-2] + 2 * x[1:-1] + x[2:]
    return np.hypot(down[2:] - down[:-2], right[:, 2:] - right[:, :-2])
