"""Stage: the replay memory of a bundle, from the pictures it was made with."""

import hashlib
from collections.abc import Sequence

import numpy as np

from trainer.core.arrays import Mask
from trainer.core.dataset import Dataset, Example
from trainer.core.replay import Remembered, Replay, ReplayLimits, choose
from trainer.core.views import CLEAN, View, one_of
from trainer.ports import Headed, Progress
from trainer.service.pixels import Pixels
from trainer.service.validation import views_of

_PSEUDONYM_DIGITS = 16


class Remembering:
    """Shows pictures to the served graph and to its float parent, and keeps what the heads see."""

    def __init__(self, pixels: Pixels, served: Headed, parent: Headed, progress: Progress) -> None:
        self._pixels = pixels
        self._served = served
        self._parent = parent
        self._progress = progress

    def remember(self, dataset: Dataset, held_out: Mask, limits: ReplayLimits) -> Replay:
        """Give the memory. held_out: bool [N], the examples that the model never learned from."""
        pairs = list(zip(dataset.examples, held_out.tolist(), strict=True))
        train = [example for example, out in pairs if not out]
        kept = [example for example, out in pairs if out]
        learned = _few(train, limits.learned)
        held, looks = _few(kept, limits.held), _few(kept, limits.looks)
        parent = _few(kept, limits.parent)
        self._progress.stage("replay memory")
        reference = dataset.classes.index(dataset.reference)
        mixed = one_of(views_of(self._pixels, kept, reference))
        return Replay(
            dataset.classes,
            self._seen(self._served, learned, CLEAN),
            self._seen(self._served, held, CLEAN),
            self._seen(self._served, looks, mixed),
            self._seen(self._parent, parent, CLEAN),
        )

    def _seen(self, graph: Headed, examples: Sequence[Example], view: View) -> Remembered:
        features, logits = [], []
        for part in graph.ask(self._pixels.batches(examples, view), "features", "logits"):
            features.append(part[0].astype(np.float16))
            logits.append(part[1])
            self._progress.advance(len(part[0]))
        return Remembered(
            np.concatenate(features),
            np.concatenate(logits),
            np.array([example.label for example in examples], np.int64),
            np.array([example.sha256 for example in examples]),
            np.array([pseudonym(example.patient) for example in examples]),
        )


def _few(examples: Sequence[Example], limit: int) -> list[Example]:
    labels = np.array([example.label for example in examples], np.int64)
    pictures = np.array([example.sha256 for example in examples])
    return [examples[row] for row in choose(labels, pictures, limit).tolist()]


def pseudonym(patient: str) -> str:
    """Give the name under which a bundle remembers a patient: bundles travel."""
    return hashlib.sha256(patient.encode()).hexdigest()[:_PSEUDONYM_DIGITS]
