"""Stage: what a served graph says of the validation patients, as they are and shifted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.core.arrays import Floats, Labels
from trainer.core.dataset import Example
from trainer.core.shifts import SHIFTS, shifted_view
from trainer.core.views import CLEAN, View
from trainer.ports import Engine, Progress
from trainer.service.pixels import Pixels

LOOKS: tuple[View, ...] = (CLEAN, *(shifted_view(name) for name in SHIFTS))
"""Every look at the validation pictures; the first is the untouched one."""


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
    def shifted(self) -> Floats:
        """Give the logits under every shift, one after the other, [(L − 1) · N, C]."""
        return self.logits[1:].reshape(-1, self.logits.shape[-1])

    @property
    def shifted_labels(self) -> Labels:
        """Give the truth beside `shifted`."""
        return np.tile(self.labels, len(self.logits) - 1)


class Validation:
    """Runs served graphs over the validation patients."""

    def __init__(self, pixels: Pixels, examples: Sequence[Example], progress: Progress) -> None:
        self._pixels = pixels
        self._examples = examples
        self._progress = progress

    @property
    def cost(self) -> int:
        """Give how many pictures one `ask` sends through the network."""
        return len(LOOKS) * len(self._examples)

    def ask(self, served: Engine) -> Answers:
        """Give the graph's logits for every look."""
        labels = np.array([example.label for example in self._examples], np.int64)
        return Answers(np.stack([self._look(served, view) for view in LOOKS]), labels)

    def _look(self, served: Engine, view: View) -> Floats:
        parts = []
        for part in served.logits(self._pixels.batches(self._examples, view)):
            parts.append(part)
            self._progress.advance(len(part))
        return np.concatenate(parts)
