"""The histograms by which a worker tells how far its inputs lie from those of training."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from shared.contracts.bundle import Histogram, InputReference
from shared.input_features import FEATURES, Features

_DECILES = np.arange(1, 10) / 10
_DIGITS = 6


def reference_of(features: Iterable[Features]) -> InputReference:
    """Count the training pictures' features between their deciles. features: of one at least."""
    columns = np.array(list(features), np.float64).T
    return InputReference(
        histograms={
            name: _histogram(values) for name, values in zip(FEATURES, columns, strict=True)
        }
    )


def _histogram(values: NDArray[np.float64]) -> Histogram:
    # Of few or like pictures deciles may coincide: there are fewer bins then.
    edges = np.unique(np.quantile(values, _DECILES).round(_DIGITS))
    bins = np.searchsorted(edges, values, side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1)
    return Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))
