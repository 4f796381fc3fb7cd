"""Stage: a folder of labelled pictures and the uploads become what a full training learns from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shared.contracts.dataset import DatasetImage
from trainer.core.arrays import Mask
from trainer.core.dataset import Dataset, Example
from trainer.core.holdback import hold_back
from trainer.core.keeping import in_order_of
from trainer.core.recipe import Recipe
from trainer.core.replay import Replay
from trainer.core.splits import split_patients
from trainer.service.refitting import examples_of, widened_classes
from trainer.service.remembering import pseudonym


@dataclass(frozen=True, slots=True)
class Merged:
    """dataset: what is learned from, validation included, which `held_out` marks, bool [N].

    remembered, held_back: pictures of the folder that the current model was not fitted to, and
    uploads that no training sees; by both the candidate is judged.
    """

    dataset: Dataset
    held_out: Mask
    remembered: tuple[Example, ...]
    held_back: tuple[Example, ...]


def merge(
    folder: Dataset, images: Sequence[DatasetImage], replay: Replay, reference: str, recipe: Recipe
) -> Merged:
    """Put uploads to the folder's pictures; a picture that is in both keeps the folder's label.

    The folder is split as it is without uploads, so that whoever was held out stays so.
    """
    further = sorted(set(folder.classes) - set(replay.classes))
    classes = widened_classes((*replay.classes, *further), images)
    known = {example.sha256 for example in folder.examples}
    fresh = [image for image in images if image.sha256 not in known]
    examples = examples_of(fresh, classes, replay)
    labels = np.array([example.label for example in examples], np.int64)
    groups = [example.patient for example in examples]
    back = hold_back(labels, groups, frozenset(replay.held.patients.tolist()))
    split = _Split(recipe.validation_share, recipe.split_seed)
    ours = split.of(folder.examples)
    uploads = [example for example, out in zip(examples, back.tolist(), strict=True) if not out]
    pairs = [
        *zip(in_order_of(folder, classes).examples, ours, strict=True),
        *zip(uploads, split.of(uploads), strict=True),
    ]
    pairs.sort(key=lambda pair: pair[0].sha256)
    held = set(replay.held.pictures.tolist())
    return Merged(
        replace(
            folder,
            classes=classes,
            reference=reference,
            examples=tuple(example for example, _ in pairs),
        ),
        np.array([out for _, out in pairs], np.bool_),
        tuple(
            replace(example, patient=pseudonym(example.patient))
            for example, out in pairs
            if out and example.sha256 in held and example.sha256 in known
        ),
        tuple(example for example, out in zip(examples, back.tolist(), strict=True) if out),
    )


@dataclass(frozen=True, slots=True)
class _Split:
    share: float
    seed: int

    def of(self, examples: Sequence[Example]) -> list[bool]:
        """Mark what validation keeps."""
        held: list[bool] = split_patients(examples, share=self.share, seed=self.seed).tolist()
        return held
