"""Pictures on their way into a network: read, decoded, changed, normalised, in batches."""

from collections.abc import Iterator, Sequence

import numpy as np

from shared.contracts.bundle import PreprocessingSpec
from shared.input_features import Features, normalise_and_measure
from shared.preprocessing import decode_grey, normalise
from trainer.core.arrays import Floats, Grey
from trainer.core.dataset import Example
from trainer.core.views import View
from trainer.ports import Images

BATCH = 32


class Pixels:
    """Serves pictures as the network sees them; the one place where training decodes.

    keep: how many decoded pictures stay in memory; None: all.
    """

    def __init__(self, images: Images, spec: PreprocessingSpec, *, keep: int | None = None) -> None:
        self.spec = spec
        self._images = images
        self._keep = keep
        self._decoded: dict[str, Grey] = {}

    def grey(self, example: Example) -> Grey:
        """Decode one picture, uint8 [S, S]: 50 kB each at 224 px. Raises ImageError."""
        known = self._decoded.get(example.sha256)
        if known is not None:
            return known
        grey = decode_grey(self._images.read(example.name), self.spec.size_px)
        if self._keep is None or len(self._decoded) < self._keep:
            self._decoded[example.sha256] = grey
        return grey

    def features(self, example: Example) -> Features:
        """Measure one picture as a worker will, for the reference of inputs."""
        return normalise_and_measure(self.grey(example), self.spec)[1]

    def one(self, example: Example, view: View) -> Floats:
        """Give the network's input for one picture under a view, float32 [S, S, 1]."""
        return normalise(view.change(self.grey(example), example.sha256), self.spec)

    def batches(self, examples: Sequence[Example], view: View) -> Iterator[Floats]:
        """Give inputs float32 [≤ 32, S, S, 1], in the order of the examples."""
        for start in range(0, len(examples), BATCH):
            part = examples[start : start + BATCH]
            yield np.stack([self.one(example, view) for example in part])
