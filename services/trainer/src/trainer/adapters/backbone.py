"""The frozen network as a source of features: built in Keras, run by OpenVINO."""

from collections.abc import Iterable, Iterator
from functools import cached_property

import openvino as ov

from trainer.adapters.conversion import to_openvino
from trainer.adapters.graphs import MAPS, pooled_graph
from trainer.adapters.mobilenet import Weights
from trainer.adapters.openvino_engine import compile_graph, stream
from trainer.core.arrays import Floats

_FEATURES = "features"


class OpenVinoBackbone:
    """Pools the maps of three depths; compiled when first needed, so a full cache costs nothing."""

    def __init__(self, weights: Weights, *, size_px: int, name: str) -> None:
        self._weights = weights
        self._size_px = size_px
        self._name = name

    @property
    def fingerprint(self) -> str:
        """Name the weights and the depths: what cached features are filed under."""
        return f"mobilenet-v2 {self._name} maps {MAPS}"

    def pooled(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Turn inputs [N, S, S, 1] into features [N, D], batch by batch, in order."""
        return stream(self._compiled, batches, _FEATURES)

    @cached_property
    def _compiled(self) -> ov.CompiledModel:
        model = to_openvino(pooled_graph(self._weights, self._size_px), self._size_px)
        model.output(0).get_tensor().set_names({_FEATURES})
        return compile_graph(model)
