"""An encoded image becomes the network's input, and what drift is told from."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.contracts.bundle import PreprocessingSpec
from shared.input_features import Features, normalise_and_measure
from shared.preprocessing import decode_grey

Decoded: TypeAlias = tuple[NDArray[np.float32], Features | None]
"""Pixels float32 [S, S, 1] in [-1, 1]; features, None where no image was looked at."""


def decode(image: bytes, spec: PreprocessingSpec) -> Decoded:
    """Decode and measure one image. Raises ImageError, see `shared.preprocessing`."""
    return normalise_and_measure(decode_grey(image, spec.size_px), spec)
