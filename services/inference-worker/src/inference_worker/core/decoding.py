"""An encoded image becomes the network's input, and what drift is told from."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.contracts.bundle import PreprocessingSpec
from shared.image_headers import ImageError, ImageHeader, read_header
from shared.input_features import Features, normalise_and_measure
from shared.preprocessing import decode_grey

Decoded: TypeAlias = tuple[NDArray[np.float32], Features | None]
"""Pixels float32 [S, S, 1] in [-1, 1]; features, None where no image was looked at."""


def decode(image: bytes, spec: PreprocessingSpec, header: ImageHeader | None = None) -> Decoded:
    """Decode and measure one image. Raises ImageError, see `shared.preprocessing`."""
    return normalise_and_measure(decode_grey(image, spec.size_px, header), spec)


def find_header(image: bytes) -> ImageHeader | None:
    """Return the header of an image; None if it cannot be read, which decoding then explains."""
    try:
        return read_header(image)
    except ImageError:
        return None
