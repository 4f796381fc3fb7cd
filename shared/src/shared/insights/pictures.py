"""One labelled picture, and all that is kept of it once it has been looked at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.insights.measures import Grey, edge_density, intensity_histogram


@dataclass(frozen=True, slots=True)
class Measured:
    """label: its class. histogram: int64 [256], pixels by grey level. edges: 0..1."""

    label: str
    histogram: NDArray[np.int64]
    edges: float

    @property
    def mean(self) -> float:
        """Give the mean grey level, 0..255."""
        return float(self.histogram @ np.arange(256) / self.histogram.sum())


def measure(label: str, grey: Grey) -> Measured:
    """Measure uint8 [H, W]."""
    return Measured(label, intensity_histogram(grey), edge_density(grey))


def by_class(measured: Iterable[Measured], classes: Sequence[str]) -> dict[str, list[Measured]]:
    """Sort pictures into classes, in class order; classes without a picture are left out."""
    parts: dict[str, list[Measured]] = {name: [] for name in classes}
    for one in measured:
        parts[one.label].append(one)
    return {name: part for name, part in parts.items() if part}
