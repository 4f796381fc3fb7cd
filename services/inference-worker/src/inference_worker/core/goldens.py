"""Is this engine, on this machine, the model that was exported?"""

import numpy as np
from numpy.typing import NDArray

MAX_INPUT_DIFFERENCE = 1e-4
"""Preprocessing is one function; only float rounding between machines may differ."""

MAX_PROBABILITY_DIFFERENCE = 0.05
"""int8 kernels differ between instruction sets; more than this is another model."""

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


def _softmax(logits: Array) -> Array:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Array = exponents / exponents.sum(axis=1, keepdims=True)
    return probabilities
