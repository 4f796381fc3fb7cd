"""Composites of every class, as files that may be shipped."""

from dataclasses import dataclass

import numpy as np

from shared.preprocessing import normalise
from trainer.core.arrays import Grey
from trainer.core.composites import clearest, compose, neighbourhoods
from trainer.core.dataset import Dataset
from trainer.core.heads import LinearHead
from trainer.core.probabilities import softmax
from trainer.core.probe import fit_head
from trainer.core.views import CLEAN
from trainer.ports import Backbone, Progress
from trainer.service.features import Features
from trainer.service.pixels import Pixels

MEMBERS = 44
"""Pictures behind each composite; the extreme tenths are cut at every place, so 36 count."""
_CLEAR = 0.2
"""Part of a class that composites are made of: a sample should show what its name says."""
_SPARE = 3
"""Composites made of a class beyond those kept; the least clear ones are dropped."""
_PENALTY = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """One composite of one class, uint8 [S, S]; number 1 is the clearest."""

    label: str
    number: int
    grey: Grey


class Sampling:
    """Makes composites of a data set that must not be shipped itself."""

    def __init__(
        self, pixels: Pixels, features: Features, backbone: Backbone, progress: Progress
    ) -> None:
        self._pixels = pixels
        self._features = features
        self._backbone = backbone
        self._progress = progress

    def make(self, dataset: Dataset, *, each: int) -> tuple[Sample, ...]:
        """Give `each` composites a class, no patient in two. Raises TooFewError."""
        classes, labels = len(dataset.classes), dataset.labels
        made = each + _SPARE
        self._progress.expect(len(dataset.examples) + made * MEMBERS * classes)
        self._progress.stage("features")
        seen = self._features.of(dataset.examples, CLEAN)
        head = fit_head(seen, labels, strength=_PENALTY, classes=classes)
        clear = clearest(softmax(head.logits(seen)), labels, share=_CLEAR)
        samples: list[Sample] = []
        for index, label in enumerate(dataset.classes):
            self._progress.stage(f"composites of {label}")
            rows = np.flatnonzero(clear & (labels == index))
            patients = [dataset.examples[row].patient for row in rows]
            found = neighbourhoods(seen[rows], patients, count=made, members=MEMBERS)
            greys = [self._compose(dataset, rows[list(one.members)].tolist()) for one in found]
            best = self._in_order(greys, head, index)[:each]
            samples += [Sample(label, n + 1, greys[place]) for n, place in enumerate(best)]
        return tuple(samples)

    def _compose(self, dataset: Dataset, rows: list[int]) -> Grey:
        composite = compose(np.stack([self._pixels.grey(dataset.examples[row]) for row in rows]))
        self._progress.advance(len(rows))
        return composite

    def _in_order(self, greys: list[Grey], head: LinearHead, index: int) -> list[int]:
        inputs = np.stack([normalise(grey, self._pixels.spec) for grey in greys])
        features = np.concatenate(list(self._backbone.pooled([inputs])))
        surety = softmax(head.logits(features))[:, index]
        order: list[int] = np.argsort(-surety, kind="stable").tolist()
        return order
