"""Keras to OpenVINO, in float and in int8."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import nncf
import openvino as ov

from trainer.adapters.conversion import renamed, to_openvino
from trainer.adapters.graphs import served_graph
from trainer.adapters.keras_file import save_keras
from trainer.adapters.mobilenet import Weights
from trainer.adapters.openvino_engine import compile_graph, stream
from trainer.core.arrays import Floats

_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_FIRST = 2
"""Convolutions at the entrance that stay in float: rounding what the second one sees, fine edges in
32 channels, costs more than rounding all the others together (see experiments)."""
_POOLING = ("ReduceMean", "Sqrt", "Power")
"""Kinds of operation that stay in float: cheap, and every answer hangs on them."""


class ServedGraph:
    """An OpenVINO graph with outputs `logits`, `cam` and `domain`."""

    def __init__(self, model: ov.Model) -> None:
        self._model = model
        self._compiled = compile_graph(model)

    def ask(self, batches: Iterable[Floats], *outputs: str) -> Iterator[tuple[Floats, ...]]:
        """Give the named outputs, batch by batch, in order."""
        return stream(self._compiled, batches, outputs)

    def quantised(self, pixels: Floats) -> "ServedGraph":
        """Give its int8 form, calibrated on inputs [N, S, S, 1]."""
        nncf.set_log_level(logging.ERROR)  # it would list every operation it leaves alone
        model = nncf.quantize(
            self._model,
            nncf.Dataset([one[None] for one in pixels]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(pixels),
            fast_bias_correction=False,
            ignored_scope=nncf.IgnoredScope(names=_kept_names(self._model)),
        )
        return ServedGraph(renamed(model))

    def save(self, path: Path) -> None:
        """Write the .xml, and its .bin beside it."""
        ov.save_model(self._model, path, compress_to_fp16=False)


class GraphExporter:
    """Makes served graphs of one backbone."""

    def __init__(self, weights: Weights, *, size_px: int) -> None:
        self._weights = weights
        self._size_px = size_px

    def export(self, tuned: Weights) -> ServedGraph:
        """Give the graph in float; `tuned` replaces what it names."""
        return ServedGraph(to_openvino(served_graph({**self._weights, **tuned}, self._size_px)))

    def save_parent(self, tuned: Weights, path: Path) -> None:
        """Write the float model that a later training starts from (a .keras file)."""
        save_keras(served_graph({**self._weights, **tuned}, self._size_px), path)


def _kept_names(model: ov.Model) -> list[str]:
    """Name the operations that stay in float: entrance, class maps, pooling."""
    ordered = model.get_ordered_ops()
    convolutions = [op for op in ordered if op.get_type_name() in _CONVOLUTIONS]
    pooling = [op for op in ordered if op.get_type_name() in _POOLING]
    first = [op.get_friendly_name() for op in (*convolutions[:_FIRST], *pooling)]
    return sorted({*first, *_class_maps(model)})


def _class_maps(model: ov.Model) -> set[str]:
    """Name the convolutions that make the class maps: the first met on the way back from them."""
    found: set[str] = set()
    waiting = [model.output("cam").get_node().input_value(0).get_node()]
    while waiting:
        op = waiting.pop()
        if op.get_type_name() in _CONVOLUTIONS:
            found.add(op.get_friendly_name())
        else:
            waiting.extend(value.get_node() for value in op.input_values())
    return found
