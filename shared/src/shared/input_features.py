"""What an image looks like, in the numbers that drift is told from.

The trainer counts them over its training pictures, the worker over the images it is asked about,
so they are measured here, once, and by what preprocessing has computed anyway.
"""

import numpy as np

from shared.contracts.bundle import FeatureName, PreprocessingSpec
from shared.preprocessing import Grey, Pixels, normalise_with_mean

FEATURES: tuple[FeatureName, ...] = ("brightness", "edge_density")

Features = tuple[float, float]
"""One image's, in the order of FEATURES, each in 0..1."""

_WHITE = 255.0
_RANGE = 2.0
_EVERY = 16


def normalise_and_measure(grey: Grey, spec: PreprocessingSpec) -> tuple[Pixels, Features]:
    """Give the network's input, as `preprocessing.normalise`, and what was met on the way to it."""
    pixels, mean = normalise_with_mean(grey, spec)
    return pixels, (mean / _WHITE, _edge_density(pixels))


def _edge_density(pixels: Pixels) -> float:
    """Give the mean absolute step from every sixteenth row to the row below it, 0..1 of the range.

    Of the image as the network sees it, so exposure has no part in it. So few rows because in a
    worker's cold caches each call of NumPy counts; `insights.measures.edge_density` takes many.
    """
    last = len(pixels) - 1
    steps = pixels[:last:_EVERY] - pixels[1::_EVERY]
    np.abs(steps, out=steps)
    return float(np.add.reduce(steps, axis=None)) / (steps.size * _RANGE)
