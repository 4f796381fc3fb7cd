"""The look of pictures as a few numbers, and groups of pictures that look alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from shared.insights.measures import edge_density, sharpness
from trainer.core.arrays import Floats, Grey, Labels

MEASURES = ("mean grey", "spread of grey", "share of black", "edge density", "log sharpness")
"""What `look_of` measures, in order."""
_BLACK = 16


@dataclass(frozen=True, slots=True)
class LookCluster:
    """The middle of a group: how its pictures look, in the order of MEASURES."""

    look: tuple[float, ...]


def look_of(grey: Grey) -> Floats:
    """Measure one picture, uint8 [S, S] → float32 [5]."""
    measured = (
        grey.mean(),
        grey.std(),
        (grey < _BLACK).mean(),
        edge_density(grey),
        np.log(sharpness(grey) + 1),
    )
    return np.array(measured, np.float32)


def cluster_looks(looks: Floats, count: int) -> tuple[Labels, tuple[LookCluster, ...]]:
    """Group pictures by their standardised look (k-means); the darkest group first.

    looks: float32 [N, 5]. Gives the group of every picture, int64 [N], and the groups' middles.
    """
    scaler = StandardScaler().fit(looks)
    means = KMeans(count, n_init=10, random_state=0).fit(scaler.transform(looks))
    centres = scaler.inverse_transform(means.cluster_centers_)
    order = np.argsort(centres[:, 0], kind="stable")
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    middles = tuple(LookCluster(tuple(float(v) for v in centres[index])) for index in order)
    return place[means.labels_], middles


def series_of(names: Sequence[str]) -> tuple[str, ...]:
    """Name the series that a file belongs to, by the letters that its name starts with."""
    stems = (name.rsplit("/", 1)[-1].rsplit(".", 1)[0] for name in names)
    return tuple(_letters(stem) for stem in stems)


def _letters(stem: str) -> str:
    """`NORMAL2-IM-0059` → `NORMAL2-IM`, `person1_virus_6` → `person`; no letters: all alike."""
    head = stem.split("_", 1)[0].rstrip("0123456789-")
    while "-" in head and head.rsplit("-", 1)[1].isdigit():
        head = head.rsplit("-", 1)[0].rstrip("0123456789-")
    return head or "unnamed"
