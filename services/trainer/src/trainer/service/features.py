"""Stage: frozen features of every picture under every view, computed once and kept."""

from collections.abc import Sequence

import numpy as np

from trainer.core.arrays import Floats
from trainer.core.dataset import Example
from trainer.core.views import View
from trainer.ports import FeatureSource, FeatureStore, Progress
from trainer.service.pixels import BATCH, Pixels

_SHARD = 8 * BATCH


class Features:
    """Looks features up by picture, view, preprocessing and backbone; computes what is missing."""

    def __init__(
        self, pixels: Pixels, backbone: FeatureSource, store: FeatureStore, progress: Progress
    ) -> None:
        self._pixels = pixels
        self._backbone = backbone
        self._store = store
        self._progress = progress

    def of(self, examples: Sequence[Example], view: View) -> Floats:
        """Give float32 [N, D] in the order of the examples."""
        key = f"{self._backbone.fingerprint} | {self._pixels.spec!r} | {view.name}"
        known = dict(self._store.load(key))
        missing = [example for example in examples if example.sha256 not in known]
        self._progress.advance(len(examples) - len(missing))
        for start in range(0, len(missing), _SHARD):
            known |= self._compute(key, missing[start : start + _SHARD], view)
        return np.stack([known[example.sha256] for example in examples])

    def _compute(self, key: str, examples: Sequence[Example], view: View) -> dict[str, Floats]:
        parts = []
        for part in self._backbone.pooled(self._pixels.batches(examples, view)):
            parts.append(part)
            self._progress.advance(len(part))
        hashes = (example.sha256 for example in examples)
        rows = dict(zip(hashes, np.concatenate(parts), strict=True))
        self._store.append(key, rows)
        return rows
