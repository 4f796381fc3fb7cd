"""Stage: from the float graph to the int8 graph that is served."""

from collections.abc import Sequence

import numpy as np

from trainer.core.arrays import Floats, Grey
from trainer.core.augmentation import augmented_view
from trainer.core.dataset import Example
from trainer.core.recipe import Recipe
from trainer.core.views import CLEAN
from trainer.service.pixels import Pixels

_NUMBER = 1000
"""A number that no learned view has: the quantiser sees its own pictures."""


def calibration_pixels(pixels: Pixels, train: Sequence[Example], recipe: Recipe) -> Floats:
    """Give inputs for the quantiser: training pictures, every third one clean."""
    rng = np.random.default_rng([recipe.view_seed, _NUMBER])
    chosen = [train[row] for row in rng.permutation(len(train))[: recipe.calibration_images]]
    donors: list[Grey] = [pixels.grey(example) for example in chosen]
    altered = augmented_view(_NUMBER, recipe.policy, recipe.view_seed, donors)
    return np.stack(
        [
            pixels.one(example, altered if place % 3 else CLEAN)
            for place, example in enumerate(chosen)
        ]
    )
