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
from trainer.core.heads import LinearHead
from trainer.core.precision import Kept

_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_FIRST = 3
"""The first convolution and the first block's two."""
_LAST = 4
"""The last block's three convolutions and the closing one."""


class ServedGraph:
    """An OpenVINO graph with outputs `logits` and `cam`."""

    def __init__(self, model: ov.Model, kept: Kept) -> None:
        self._model = model
        self._kept = kept
        self._compiled = compile_graph(model)

    @property
    def kept(self) -> Kept:
        """Say what of it is still float."""
        return self._kept

    def logits(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Give logits float32 [N, C], batch by batch, in order."""
        return stream(self._compiled, batches, "logits")

    def quantised(self, pixels: Floats, kept: Kept) -> "ServedGraph":
        """Give its int8 form, calibrated on inputs [N, S, S, 1], with `kept` left in float."""
        if kept is Kept.EVERYTHING:
            return self
        nncf.set_log_level(logging.ERROR)  # it would list every operation it leaves alone
        model = nncf.quantize(
            self._model,
            nncf.Dataset([one[None] for one in pixels]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(pixels),
            ignored_scope=nncf.IgnoredScope(names=_kept_names(self._model, kept)),
        )
        return ServedGraph(renamed(model), kept)

    def save(self, path: Path) -> None:
        """Write the .xml, and its .bin beside it."""
        ov.save_model(self._model, path, compress_to_fp16=False)


class GraphExporter:
    """Makes served graphs of one backbone."""

    def __init__(self, weights: Weights, *, size_px: int) -> None:
        self._weights = weights
        self._size_px = size_px

    def export(self, head: LinearHead) -> ServedGraph:
        """Give the graph in float."""
        graph = served_graph(self._weights, head, self._size_px)
        return ServedGraph(to_openvino(graph, self._size_px), Kept.EVERYTHING)

    def save_parent(self, head: LinearHead, path: Path) -> None:
        """Write the float model that a later training starts from (a .keras file)."""
        save_keras(served_graph(self._weights, head, self._size_px), path)


def _kept_names(model: ov.Model, kept: Kept) -> list[str]:
    tail, heads = _behind_the_trunk(model)
    if kept is Kept.HEAD_AND_ENDS:
        named = [op for op in model.get_ordered_ops() if op.get_type_name() in _CONVOLUTIONS]
        body = [op.get_friendly_name() for op in named if op.get_friendly_name() not in heads]
        tail |= {*body[:_FIRST], *body[-_LAST:]}
    return sorted(tail)


def _behind_the_trunk(model: ov.Model) -> tuple[set[str], set[str]]:
    """Name every operation between the trunk and the outputs, and which of them are heads."""
    tail: set[str] = set()
    heads: set[str] = set()
    waiting = [result.input_value(0).get_node() for result in model.get_results()]
    while waiting:
        op = waiting.pop()
        if op.get_type_name() == "Constant":
            continue
        tail.add(op.get_friendly_name())
        if op.get_type_name() in _CONVOLUTIONS:
            heads.add(op.get_friendly_name())
        else:
            waiting.extend(value.get_node() for value in op.input_values())
    return tail, heads
