"""A few pictures of every class, chosen without looking at them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Samples:
    """For every class the places of the chosen pictures, and how many there were to choose from."""

    classes: tuple[str, ...]
    chosen: tuple[tuple[int, ...], ...]
    available: tuple[int, ...]

    @property
    def interpretation(self) -> str:
        """Say how much of each class is shown."""
        parts = zip(self.classes, self.chosen, self.available, strict=True)
        shown = ", ".join(f"{len(places)} of {count:,} {name}" for name, places, count in parts)
        return f"Drawn by chance: {shown}; impressions from so few are no measurement."


def sample_images(
    labels: Sequence[str], classes: Sequence[str], *, each: int, seed: int = 0
) -> Samples:
    """Choose up to `each` places in `labels` for every class; the same seed, the same choice."""
    rng = np.random.default_rng(seed)
    chosen, available = [], []
    for name in classes:
        places = [place for place, label in enumerate(labels) if label == name]
        drawn = rng.permutation(len(places))[:each].tolist()
        chosen.append(tuple(sorted(places[one] for one in drawn)))
        available.append(len(places))
    return Samples(tuple(classes), tuple(chosen), tuple(available))
