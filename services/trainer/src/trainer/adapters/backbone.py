"""The untrained network as a source of features: built in Keras, run by OpenVINO."""

from collections.abc import Iterable, Iterator
from functools import cached_property

import keras
import numpy as np
import openvino as ov

from trainer.adapters.conversion import to_openvino
from trainer.adapters.graphs import MAPS, STEM_LAST, pooled_graph, stem_graph, tail_graph
from trainer.adapters.mobilenet import Weights
from trainer.adapters.openvino_engine import compile_graph, stream
from trainer.core.arrays import Floats, Halves

_FEATURES = "features"


class OpenVinoBackbone:
    """Compiled part by part when first needed, so a full cache costs nothing."""

    def __init__(self, weights: Weights, *, size_px: int, name: str) -> None:
        self._weights = weights
        self._size_px = size_px
        self._name = name

    @property
    def fingerprint(self) -> str:
        """Name the weights and the depths: what cached features are filed under."""
        return f"mobilenet-v2 {self._name} stem {STEM_LAST} maps {MAPS}"

    def pooled(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Turn inputs [N, S, S, 1] into features [N, D], batch by batch, in order."""
        return _first(self._whole, batches)

    def stem(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Turn inputs [N, S, S, 1] into the frozen blocks' maps [N, S/16, S/16, 64]."""
        return _first(self._stem, batches)

    def pooled_from_stem(self, batches: Iterable[Halves]) -> Iterator[Floats]:
        """Turn the frozen blocks' maps into features [N, D]."""
        return _first(self._tail, (np.asarray(batch, np.float32) for batch in batches))

    @cached_property
    def _whole(self) -> ov.CompiledModel:
        return _compiled(pooled_graph(self._weights, self._size_px))

    @cached_property
    def _stem(self) -> ov.CompiledModel:
        # Rounded to float16 on disk anyway: bf16 where the processor has it.
        return _compiled(stem_graph(self._weights, self._size_px), exact=False)

    @cached_property
    def _tail(self) -> ov.CompiledModel:
        return _compiled(tail_graph(self._weights, self._size_px))


def _compiled(graph: keras.Model, *, exact: bool = True) -> ov.CompiledModel:
    model = to_openvino(graph)
    model.output(0).get_tensor().set_names({_FEATURES})
    return compile_graph(model, exact=exact)


def _first(compiled: ov.CompiledModel, batches: Iterable[Floats]) -> Iterator[Floats]:
    return (features for (features,) in stream(compiled, batches, [_FEATURES]))
