"""How far the images of late lie from those of training: the population stability index.

PSI = Σ (p − q) · ln(p / q) over the bins of a histogram, p of late and q of training. Below .1 is
alike, up to .25 has moved, above is another population (Siddiqi 2006, Credit Risk Scorecards).
Where nothing has drifted, PSI / (1/n + 1/m) is a χ² of B − 1 degrees of freedom, of n and m images
(Yurdakul 2018, Statistical Properties of Population Stability Index).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.bundle import FeatureName, Histogram, InputReference
from shared.input_features import FEATURES, Features

Counts = NDArray[np.int64]

_UNSEEN = 0.5
"""Added to every bin of both sides, so that an empty one has a logarithm (Krichevsky and Trofimov
1981)."""


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """The last `images` count, none older than `seconds`; fewer than `least` say nothing.

    Of 200 images without drift, one index in twenty is above .09 and one in a thousand above .15
    (ten bins, 4,153 images of training).
    """

    images: int = 1000
    seconds: float = 86_400.0
    least: int = 200


class InputWindow:
    """Holds what the images of late look like against a bundle's reference."""

    def __init__(self, reference: InputReference, limits: DriftLimits) -> None:
        self._reference = reference
        self._limits = limits
        self._seen: deque[tuple[float, Features]] = deque(maxlen=limits.images)

    def add(self, features: Features, now_s: float) -> None:
        """Note one image; it is counted when somebody asks. now_s: never less than before."""
        self._seen.append((now_s, features))

    def indices(self, now_s: float) -> dict[FeatureName, float]:
        """Give each feature's index, ≥ 0; none while there are too few images."""
        while self._seen and self._seen[0][0] < now_s - self._limits.seconds:
            self._seen.popleft()
        if len(self._seen) < self._limits.least:
            return {}
        columns = np.array([features for _, features in self._seen], np.float64).T
        return {
            name: stability_index(count(values, trained), np.array(trained.counts))
            for name, values in zip(FEATURES, columns, strict=True)
            if (trained := self._reference.histograms.get(name)) is not None
        }


def count(values: NDArray[np.float64], histogram: Histogram) -> Counts:
    """Count values into the bins of a histogram: float64 [N] → int64 [B]."""
    bins = np.searchsorted(histogram.edges, values, side="right")
    return np.bincount(bins, minlength=len(histogram.counts))


def stability_index(late: Counts, trained: Counts) -> float:
    """Give the PSI of two histograms over the same bins, int64 [B]; ≥ 0."""
    p, q = _shares(late), _shares(trained)
    return float(((p - q) * np.log(p / q)).sum())


def _shares(counts: Counts) -> NDArray[np.float64]:
    smoothed = counts + _UNSEEN
    shares: NDArray[np.float64] = smoothed / smoothed.sum()
    return shares
