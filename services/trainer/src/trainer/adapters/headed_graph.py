"""A bundle's graph opened at its head: what the head sees, and the graph under another head."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as opset

from trainer.adapters.openvino_engine import compile_graph, stream
from trainer.core.arrays import Floats
from trainer.core.heads import LinearHead

_FEATURES = "features"
_CAM, _LOGITS = "cam", "logits"
_CONVOLUTION = "Convolution"
_SPATIAL = np.array([2, 3])
_CHANNELS_LAST = np.array([0, 2, 3, 1])


class GraphError(ValueError):
    """The graph does not end in the class maps that a head can be read from."""


class HeadedGraph:
    """An OpenVINO graph whose class maps are 1 × 1 convolutions of maps of several depths.

    Outputs: `logits`, `cam`, whatever else it had, and `features` [N, D]: the maps averaged, in
    the order of the head's rows, deepest first. logits = features @ kernel + bias; of a graph that
    rounds its class maps to int8, nearly.
    """

    def __init__(self, model: ov.Model) -> None:
        self._model = model
        self._maps = _class_maps(model)

    @cached_property
    def fingerprint(self) -> str:
        """Name all that the features depend on: kinds, shapes and weights of the operations."""
        digest = hashlib.sha256()
        for op in _behind([one.input_value(0) for one in self._maps], self._model):
            digest.update(f"{op.get_type_name()} {op.get_output_partial_shape(0)} ".encode())
            if op.get_type_name() == "Constant":
                digest.update(np.ascontiguousarray(op.data).tobytes())
        return f"served {digest.hexdigest()}"

    def pooled(self, batches: Iterable[Floats]) -> Iterator[Floats]:
        """Turn inputs [N, S, S, 1] into features [N, D], batch by batch, in order."""
        return (features for (features,) in self.ask(batches, _FEATURES))

    def ask(self, batches: Iterable[Floats], *outputs: str) -> Iterator[tuple[Floats, ...]]:
        """Give the named outputs, batch by batch, in order."""
        return stream(self._compiled, batches, outputs)

    @cached_property
    def head(self) -> LinearHead:
        """The head that makes the class maps."""
        kernels = [one.input_value(1).get_node().data[:, :, 0, 0].T for one in self._maps]
        return LinearHead(np.concatenate(kernels).astype(np.float32), _bias(self._maps[0]))

    def with_head(self, head: LinearHead) -> "HeadedGraph":
        """Give the graph with other class maps, exact ones, over the very same features."""
        model = self._model.clone()
        maps = [one.input_value(0) for one in _class_maps(model)]
        cam = _new_class_maps(maps, head)
        last = opset.transpose(cam, _CHANNELS_LAST)
        logits = opset.reduce_mean(cam, _SPATIAL)
        last.output(0).get_tensor().set_names({_CAM})
        logits.output(0).get_tensor().set_names({_LOGITS})
        kept = [one for one in model.outputs if not one.get_names() & {_CAM, _LOGITS}]
        outputs = [
            logits.output(0),
            last.output(0),
            *(one.get_node().input_value(0) for one in kept),
        ]
        return HeadedGraph(_numbered(ov.Model(outputs, model.get_parameters(), "pneumostream")))

    def save(self, path: Path) -> None:
        """Write the .xml, and its .bin beside it."""
        ov.save_model(self._model, path, compress_to_fp16=False)

    @cached_property
    def _compiled(self) -> ov.CompiledModel:
        pooled = [opset.reduce_mean(one.input_value(0), _SPATIAL) for one in self._maps]
        features = opset.concat(pooled, 1)
        features.output(0).get_tensor().set_names({_FEATURES})
        tapped = ov.Model([*self._model.outputs, features.output(0)], self._model.get_parameters())
        return compile_graph(tapped)


def read_headed(path: Path) -> HeadedGraph:
    """Read a bundle's graph. Raises RuntimeError if it is none, GraphError if it has no head."""
    return HeadedGraph(ov.Core().read_model(path))


def _class_maps(model: ov.Model) -> list[ov.Node]:
    """Give the convolutions first met on the way back from the class map, deepest first."""
    found: dict[str, ov.Node] = {}
    seen: set[str] = set()
    waiting = [model.output(_CAM).get_node()]
    while waiting:
        op = waiting.pop()
        if op.get_friendly_name() in seen:
            continue
        seen.add(op.get_friendly_name())
        if op.get_type_name() == _CONVOLUTION:
            found[op.get_friendly_name()] = op
        else:
            waiting.extend(value.get_node() for value in op.input_values())
    # Deeper maps have more channels.
    maps = sorted(found.values(), key=lambda one: -_width(one))
    if not maps or any(one.input_value(1).get_node().get_type_name() != "Constant" for one in maps):
        raise GraphError("the class map is not made by convolutions that a head can be read from")
    return maps


def _width(convolution: ov.Node) -> int:
    return int(convolution.input_value(1).get_shape()[1])


def _bias(convolution: ov.Node) -> Floats:
    """Give what is added to the deepest class map; nothing else has a bias."""
    classes = convolution.input_value(1).get_shape()[0]
    for target in convolution.output(0).get_target_inputs():
        op = target.get_node()
        if op.get_type_name() == "Add":
            for value in op.input_values():
                if value.get_node().get_type_name() == "Constant":
                    return np.array(value.get_node().data, np.float32).reshape(classes)
    return np.zeros(classes, np.float32)


def _new_class_maps(maps: list[ov.Output], head: LinearHead) -> ov.Node:
    """Make the sum of the class maps [N, C, G, G]; coarse maps are repeated to the finest grid."""
    side = max(_side(one) for one in maps)
    parts: list[ov.Node] = []
    start = 0
    for number, one in enumerate(maps):
        width = one.get_partial_shape()[1].get_length()
        kernel = np.ascontiguousarray(head.kernel[start : start + width].T[:, :, None, None])
        part = opset.convolution(one, opset.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])
        if number == 0:
            part = opset.add(part, opset.constant(head.bias.reshape(1, -1, 1, 1)))
        parts.append(_repeated(part, side // _side(one)))
        start += width
    total = parts[0]
    for part in parts[1:]:
        total = opset.add(total, part)
    return total


def _side(maps: ov.Output) -> int:
    return int(maps.get_partial_shape()[2].get_length())


def _repeated(maps: ov.Node, times: int) -> ov.Node:
    if times == 1:
        return maps
    scales = np.array([times, times], np.float32)
    return opset.interpolate(maps, scales, "nearest", "scales", axes=_SPATIAL, nearest_mode="floor",
                             coordinate_transformation_mode="asymmetric")  # fmt: skip


def _behind(values: list[ov.Output], model: ov.Model) -> list[ov.Node]:
    """Give all operations that some values depend on, in the graph's order."""
    needed: set[str] = set()
    waiting = [value.get_node() for value in values]
    while waiting:
        op = waiting.pop()
        if op.get_friendly_name() not in needed:
            needed.add(op.get_friendly_name())
            waiting.extend(value.get_node() for value in op.input_values())
    return [op for op in model.get_ordered_ops() if op.get_friendly_name() in needed]


def _numbered(model: ov.Model) -> ov.Model:
    """Name the operations by their order: OpenVINO counts over the whole process."""
    for index, op in enumerate(model.get_ordered_ops()):
        if op.get_type_name() not in ("Parameter", "Result"):
            op.set_friendly_name(f"{op.get_type_name()}_{index}")
    for output in model.outputs:
        output.get_node().set_friendly_name(min(output.get_names()))
    return model
