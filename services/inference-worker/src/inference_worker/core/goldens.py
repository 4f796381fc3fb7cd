"""Is this engine, on this machine, the model that was exported?"""

import numpy as np
from numpy.typing import NDArray

MAX_INPUT_DIFFERENCE = 1e-4
"""Preprocessing is one function; only float rounding between machines may differ."""

MAX_PROBABILITY_DIFFERENCE = 0.05
"""int8 kernels differ between instruction sets; more than this is another model."""

_MAP_AXES = 4
MAX_SUM_DIFFERENCE = 1e-3
"""Between a logit and the mean of its class map, in logits. A bundle keeps its class maps in float,
int8 or not: the shipped ones differ by 6e-6 at most, the rounding of a mean in float32."""

Array = NDArray[np.float32]


def inputs_agree(expected: Array, actual: Array) -> bool:
    """Tell whether preprocessing reproduced the golden inputs, float32 [K, S, S, 1]."""
    return expected.shape == actual.shape and bool(
        np.abs(expected - actual).max() <= MAX_INPUT_DIFFERENCE
    )


def logits_agree(expected: Array, actual: Array) -> bool:
    """Tell whether the engine reproduced the golden logits, float32 [K, C], as probabilities."""
    if expected.shape != actual.shape or not np.isfinite(actual).all():
        return False
    difference = np.abs(_softmax(expected) - _softmax(actual)).max()
    return bool(difference <= MAX_PROBABILITY_DIFFERENCE)


def maps_agree(logits: Array, maps: Array) -> bool:
    """Tell whether each logit, float32 [K, C], is the mean of its map, float32 [K, G, G, C]."""
    if maps.ndim != _MAP_AXES or (len(maps), maps.shape[3]) != logits.shape:
        return False
    difference = np.abs(maps.mean(axis=(1, 2), dtype=np.float64) - logits).max()
    return bool(difference <= MAX_SUM_DIFFERENCE)


def _softmax(logits: Array) -> Array:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Array = exponents / exponents.sum(axis=1, keepdims=True)
    return probabilities
