"""Is this image one the model can know anything about? Two looks at features of frozen blocks.

A linear discriminator between radiographs and images made strange, and the distance to the nearest
training images: what one misses the other sees. Fitted by the trainer, applied by the worker, so
the arithmetic is here once. Source of the distance part: Sun et al. 2022, Out-of-Distribution
Detection with Deep Nearest Neighbors.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NEIGHBOUR = 5
"""The distance that counts is that to the fifth nearest image of the bank."""

_CLOSEST = 1e-9

Array = NDArray[np.float32]

REASONS = ("not_a_chest_radiograph", "far_from_training_images")
"""What each look says when its limit is passed, in the order of `strangeness`'s columns."""


@dataclass(frozen=True, slots=True)
class DomainGuard:
    """kernel [D], offset []: the discriminator. mean [D], axes [D, K], bank [M, K]: the distance.

    limits [2]: raw scores above which an image is out of domain; medians [2]: those of validation,
    which put both looks on one scale. All float32.
    """

    kernel: Array
    offset: Array
    mean: Array
    axes: Array
    bank: Array
    limits: Array
    medians: Array

    def raw_scores(self, features: Array) -> Array:
        """float32 [N, D] → [N, 2]: the discriminator's value, the log of the squared distance."""
        z = (features - self.mean) @ self.axes
        squares = (z**2).sum(1)[:, None] + (self.bank**2).sum(1) - 2 * z @ self.bank.T
        nearest = np.partition(np.maximum(squares, _CLOSEST), NEIGHBOUR - 1, axis=1)
        distance = np.log(nearest[:, NEIGHBOUR - 1])
        return np.stack([features @ self.kernel + self.offset, distance], axis=1)

    def strangeness(self, features: Array) -> Array:
        """float32 [N, D] → [N, 2]: above 0 is out of domain, 0 the limit, −1 the usual."""
        scores: Array = (self.raw_scores(features) - self.limits) / (self.limits - self.medians)
        return scores

    def store(self, path: Path) -> None:
        """Write as npz."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})


def load_domain_guard(path: Path) -> DomainGuard:
    """Read what `store` wrote. Raises what np.load does if it is something else."""
    # Opened here: np.load leaves a file open that turns out to be no archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {f.name: stored[f.name].astype(np.float32) for f in fields(DomainGuard)}
    return DomainGuard(**arrays)


def reasons_of(strangeness: Array) -> tuple[str, ...]:
    """Name the looks whose limit one image passes: float32 [2] → codes, none if in domain."""
    return tuple(code for code, value in zip(REASONS, strangeness, strict=True) if value > 0)
