"""Stage: what graphs say of the validation patients, clean, corrupted and with swapped looks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.core.arrays import Floats, Labels
from trainer.core.corruptions import FAMILIES, corrupted_view, swapped_view
from trainer.core.dataset import Example
from trainer.core.views import CLEAN, View
from trainer.ports import InferenceGraph, Progress
from trainer.service.pixels import Pixels

LOOKS = ("clean", *FAMILIES, "swapped")
"""Every look at the validation pictures, in the order of the answers."""


@dataclass(frozen=True, slots=True)
class Answers:
    """logits float32 [L, N, C] for each look, and the truth int64 [N]."""

    logits: Floats
    labels: Labels

    @property
    def clean(self) -> Floats:
        """Give the logits of the untouched pictures, [N, C]."""
        clean: Floats = self.logits[0]
        return clean

    @property
    def pooled(self) -> Floats:
        """Give the logits under every look, one after the other, [L · N, C]."""
        return self.logits.reshape(-1, self.logits.shape[-1])

    @property
    def pooled_labels(self) -> Labels:
        """Give the truth beside `pooled`."""
        return np.tile(self.labels, len(self.logits))


class Validation:
    """Shows every look to several graphs at once: making a look costs as much as a graph."""

    def __init__(
        self, pixels: Pixels, examples: Sequence[Example], reference: int, progress: Progress
    ) -> None:
        self._pixels = pixels
        self._examples = examples
        self._reference = reference
        self._progress = progress

    @property
    def cost(self) -> int:
        """Give how many pictures are shown to each graph."""
        return len(LOOKS) * len(self._examples)

    def ask(self, graphs: Sequence[InferenceGraph]) -> tuple[Answers, ...]:
        """Give each graph's logits for every look."""
        views = views_of(self._pixels, self._examples, self._reference)
        said: list[list[Floats]] = [[] for _ in graphs]
        for name, view in zip(LOOKS, views, strict=True):
            self._progress.stage(f"validation, {name}")
            for one, logits in zip(said, self._look(graphs, view), strict=True):
                one.append(logits)
        labels = np.array([example.label for example in self._examples], np.int64)
        return tuple(Answers(np.stack(one), labels) for one in said)

    def _look(self, graphs: Sequence[InferenceGraph], view: View) -> list[Floats]:
        batches = list(self._pixels.batches(self._examples, view))
        answers = []
        for graph in graphs:
            parts = []
            for (logits,) in graph.ask(batches, "logits"):
                parts.append(logits)
                self._progress.advance(len(logits))
            answers.append(np.concatenate(parts))
        return answers


def views_of(pixels: Pixels, examples: Sequence[Example], reference: int) -> tuple[View, ...]:
    """Give every look of LOOKS, in order, as these pictures have it."""
    pairs = [(example, pixels.grey(example)) for example in examples]
    healthy = [(e.sha256, grey) for e, grey in pairs if e.label == reference]
    findings = [(e.sha256, grey) for e, grey in pairs if e.label != reference]
    corrupted = (corrupted_view(name) for name in FAMILIES)
    return (CLEAN, *corrupted, swapped_view(healthy, findings))
