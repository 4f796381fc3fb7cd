"""A bundle before a folder: its graph asked, its answers calibrated and decided as served."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.contracts.bundle import Manifest
from shared.domain_guard import DomainGuard
from trainer.core.arrays import Floats, Labels
from trainer.core.dataset import Dataset, Example
from trainer.core.figures import ThresholdRule
from trainer.core.probabilities import Calibrated
from trainer.core.views import CLEAN, View
from trainer.ports import InferenceGraph, Progress
from trainer.service.pixels import Pixels


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged, and on what. guard None: the bundle has none."""

    manifest: Manifest
    engine: InferenceGraph
    guard: DomainGuard | None
    pixels: Pixels
    dataset: Dataset
    progress: Progress

    @property
    def rule(self) -> ThresholdRule:
        """Give the bundle's own operating point."""
        decision = self.manifest.decision
        return ThresholdRule(
            self.manifest.classes.index(decision.reference_class), decision.threshold
        )

    @property
    def labels(self) -> Labels:
        """Give the truth, int64 [N]."""
        return self.dataset.labels

    def probabilities(self, logits: Floats) -> Floats:
        """Calibrate logits float32 [N, C] as the worker does."""
        calibration = self.manifest.calibration
        zero = (0.0,) * len(self.manifest.classes)
        return Calibrated(calibration.temperature, calibration.bias or zero).probabilities(logits)

    def ask(
        self,
        *outputs: str,
        view: View = CLEAN,
        engine: InferenceGraph | None = None,
        examples: Sequence[Example] | None = None,
    ) -> tuple[Floats, ...]:
        """Give the named outputs for every picture; other graph or pictures where named."""
        shown = self.dataset.examples if examples is None else examples
        parts = []
        batches = self.pixels.batches(shown, view)
        for part in (engine or self.engine).ask(batches, *outputs):
            parts.append(part)
            self.progress.advance(len(part[0]))
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
