"""How sure a figure is: intervals by drawing patients again, not pictures."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.core.arrays import Labels, Mask

_DRAWS = 1000
_PERCENTILES = (2.5, 97.5)
_ONE_SIDED = 5.0
_PAIRED_DRAWS = 4000


def intervals(
    figures_of: Callable[[Labels], dict[str, float]],
    patients: Sequence[str],
    *,
    draws: int = _DRAWS,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Give the 95 % interval of every figure.

    figures_of: rows (int64, with repeats) → figures. patients: one a row. A draw that a figure
    is not defined on (no picture of a class) does not count for it.
    """
    names, group = np.unique(np.array(patients), return_inverse=True)
    rows = [np.flatnonzero(group == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        chosen = rng.integers(0, len(rows), len(rows))
        drawn.append(figures_of(np.concatenate([rows[index] for index in chosen])))
    return {
        name: (low, high)
        for name in drawn[0]
        for low, high in [np.nanpercentile([one[name] for one in drawn], _PERCENTILES).tolist()]
    }


def lower_bound(
    differences: Labels, counted: Mask, patients: "Sequence[str] | NDArray[np.str_]", *, seed: int
) -> float:
    """Give the one-sided 95 % lower bound of a mean difference, drawing patients again.

    differences: [N], one a picture, of two models. counted: bool [N], pictures that the mean is
    over; at least one.
    """
    names, group = np.unique(np.array(patients), return_inverse=True)
    sums = np.bincount(group, differences * counted, len(names))
    counts = np.bincount(group, counted, len(names))
    rng = np.random.default_rng(seed)
    even = np.full(len(names), 1 / len(names))
    drawn = rng.multinomial(len(names), even, _PAIRED_DRAWS)
    with np.errstate(invalid="ignore"):  # a draw without any picture that counts
        means = (drawn @ sums) / (drawn @ counts)
    return float(np.nanpercentile(means, _ONE_SIDED))
