"""Grey levels and edges, class against class: what a model could tell classes by, lungs unseen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.insights.effects import cohens_d, size_word
from shared.insights.pictures import Measured, by_class

_WARN_AT = 0.5


@dataclass(frozen=True, slots=True)
class Spread:
    """One number a picture, over a class: mean, standard deviation (n − 1), quartiles."""

    pictures: int
    mean: float
    deviation: float
    quartiles: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Contrast:
    """The two classes whose means lie furthest apart, and by how much."""

    low: str
    high: str
    gap: float
    cohens_d: float

    @property
    def warning(self) -> str:
        """Say what to fear of an effect of that size, or nothing."""
        if not abs(self.cohens_d) >= _WARN_AT:
            return ""
        return " A model may learn this difference in place of the lungs."


@dataclass(frozen=True, slots=True)
class Intensity:
    """Grey levels 0..255. histograms: share of pixels by level, sums to 1, one a class."""

    classes: tuple[str, ...]
    histograms: tuple[tuple[float, ...], ...]
    spreads: tuple[Spread, ...]
    contrast: Contrast | None
    """None: there is one class only."""

    @property
    def interpretation(self) -> str:
        """Say which class is brighter, by how much, and whether that matters."""
        if self.contrast is None:
            (only,) = self.spreads
            return f"{self.classes[0]} has a mean grey level of {only.mean:.1f} of 255."
        c = self.contrast
        return (
            f"{c.high} is the brightest class and {c.low} the darkest: mean grey levels differ "
            f"by {c.gap:.1f} of 255, a {size_word(c.cohens_d)} effect (Cohen's d "
            f"{c.cohens_d:.2f}).{c.warning}"
        )


@dataclass(frozen=True, slots=True)
class EdgeDensity:
    """Share of pixels on an edge, 0..1, over every class; see measures.edge_density."""

    classes: tuple[str, ...]
    spreads: tuple[Spread, ...]
    contrast: Contrast | None

    @property
    def interpretation(self) -> str:
        """Say which class has more edges, by how much, and whether that matters."""
        if self.contrast is None:
            (only,) = self.spreads
            return f"In {self.classes[0]} {100 * only.mean:.1f} % of the pixels lie on an edge."
        c = self.contrast
        return (
            f"{c.high} has the most edges and {c.low} the fewest: {100 * c.gap:.1f} points of the "
            f"pixels more, a {size_word(c.cohens_d)} effect (Cohen's d {c.cohens_d:.2f})."
            f"{c.warning}"
        )


def pixel_intensity(measured: Sequence[Measured], classes: Sequence[str]) -> Intensity:
    """Compare grey levels by class. Raises ValueError if there is no picture."""
    parts = _required(measured, classes)
    histograms = []
    for part in parts.values():
        counts = np.sum([one.histogram for one in part], axis=0)
        histograms.append(tuple((counts / counts.sum()).tolist()))
    values = {name: [one.mean for one in part] for name, part in parts.items()}
    spreads = tuple(_spread(one) for one in values.values())
    return Intensity(tuple(parts), tuple(histograms), spreads, _contrast(values))


def edge_densities(measured: Sequence[Measured], classes: Sequence[str]) -> EdgeDensity:
    """Compare the share of edge pixels by class. Raises ValueError if there is no picture."""
    parts = _required(measured, classes)
    values = {name: [one.edges for one in part] for name, part in parts.items()}
    spreads = tuple(_spread(one) for one in values.values())
    return EdgeDensity(tuple(parts), spreads, _contrast(values))


def _required(measured: Sequence[Measured], classes: Sequence[str]) -> dict[str, list[Measured]]:
    parts = by_class(measured, classes)
    if not parts:
        raise ValueError("there is no picture to measure")
    return parts


def _spread(values: Sequence[float]) -> Spread:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Spread(len(values), float(np.mean(values)), deviation, (low, middle, high))


def _contrast(values: dict[str, list[float]]) -> Contrast | None:
    if len(values) == 1:
        return None
    means = {name: float(np.mean(one)) for name, one in values.items()}
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if low == high:
        low, high = list(means)[:2]
    d = cohens_d(values[low], values[high])
    return Contrast(low, high, means[high] - means[low], d)
