"""An encoded image becomes the network's input, and what drift is told from."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.contracts.bundle import PreprocessingSpec
from shared.image_headers import ImageError, read_header
from shared.input_features import Features, normalise_and_measure
from shared.preprocessing import decode_grey

LARGE_PIXELS = 4_000_000
"""Above this, an image is decoded beside the batches: it may take 20 ms for each megapixel."""

Decoded: TypeAlias = tuple[NDArray[np.float32], Features | None]
"""Pixels float32 [S, S, 1] in [-1, 1]; features, None where no image was looked at."""


def decode(image: bytes, spec: PreprocessingSpec) -> Decoded:
    """Decode and measure one image. Raises ImageError, see `shared.preprocessing`."""
    return normalise_and_measure(decode_grey(image, spec.size_px), spec)


def is_large(image: bytes) -> bool:
    """Return whether an image has more than LARGE_PIXELS; False for what is no image."""
    try:
        header = read_header(image)
    except ImageError:
        return False
    return header.width * header.height > LARGE_PIXELS
