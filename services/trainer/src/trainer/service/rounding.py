"""Stage: from the float graph to the one that is served."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.core.arrays import Floats, Labels
from trainer.core.dataset import Example
from trainer.core.precision import LADDER, Rung, is_good_enough
from trainer.core.recipe import Recipe
from trainer.core.views import CLEAN, augmented_view
from trainer.ports import Progress, Served
from trainer.service.pixels import Pixels
from trainer.service.validation import Answers, Validation


@dataclass(frozen=True, slots=True)
class Rounded:
    """The graph to serve, what it said on validation, and every try on the way."""

    served: Served
    answers: Answers
    exact: Rung
    tried: tuple[Rung, ...]


def round_down(
    exact: Served,
    pixels: Floats,
    validation: Validation,
    recipe: Recipe,
    progress: Progress,
) -> Rounded:
    """Take the first rung of the ladder that loses no more than the recipe allows."""
    progress.stage("float engine on validation")
    exact_answers = validation.ask(exact)
    reference = _rung(exact, exact_answers)
    tried: list[Rung] = []
    for kept in LADDER:
        progress.stage(f"rounding to int8, in float: {kept}")
        served = exact.quantised(pixels, kept)
        answers = exact_answers if served is exact else validation.ask(served)
        tried.append(_rung(served, answers))
        if is_good_enough(tried[-1], reference, drop_points=recipe.int8_drop):
            return Rounded(served, answers, reference, tuple(tried))
    raise AssertionError("the last rung always holds")


def _rung(served: Served, answers: Answers) -> Rung:
    return Rung(
        served.kept,
        clean=_accuracy(answers.clean, answers.labels),
        shifted=_accuracy(answers.shifted, answers.shifted_labels),
    )


def _accuracy(logits: Floats, labels: Labels) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def calibration_pixels(
    pixels: Pixels, train: Sequence[Example], recipe: Recipe, seed: int
) -> Floats:
    """Give inputs for the quantiser: training pictures, every third one clean."""
    rng = np.random.default_rng([seed, 1])
    chosen = rng.permutation(len(train))[: recipe.calibration_images]
    # A number that no learned view has: the quantiser sees its own pictures.
    altered = augmented_view(1000, recipe.policy, seed)
    return np.stack(
        [
            pixels.one(train[index], altered if place % 3 else CLEAN)
            for place, index in enumerate(chosen)
        ]
    )
