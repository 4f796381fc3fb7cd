"""Another head in a .keras file, without TensorFlow: the file is a ZIP of JSON and HDF5."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from trainer.core.arrays import Floats
from trainer.core.heads import LinearHead

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_THEN = (1980, 1, 1, 0, 0, 0)
_PREFIX = "head_"
_SUM = "cam_sum"


class KerasFileError(ValueError):
    """The file is no float parent with a head of ours."""


def replace_head(source: Path, target: Path, head: LinearHead) -> None:
    """Write the float parent at `source` with another head; the same head gives the same bytes.

    Layers `head_<block>` share the head's rows, deepest first, and the first of them has its bias.
    Raises KerasFileError, OSError.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            contents = {name: archive.read(name) for name in sorted(archive.namelist())}
        config = json.loads(contents[_CONFIG])
        layers = config["config"]["layers"]
        contents[_WEIGHTS] = _with_kernels(contents[_WEIGHTS], layers, head)
        _widen(layers, head.kernel.shape[1])
        contents[_CONFIG] = json.dumps(config).encode()
    except (KeyError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise KerasFileError(f"{source.name} is no float parent of ours: {error!r}") from error
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _THEN), content)


def _with_kernels(weights: bytes, layers: list[Any], head: LinearHead) -> bytes:
    stream = io.BytesIO(weights)
    with h5py.File(stream, "r+") as stored:
        start = 0
        for place in _places(layers):
            group = stored["layers"][place]["vars"]
            width = group["0"].shape[2]
            part = head.kernel[start : start + width][np.newaxis, np.newaxis]
            _replace(group, "0", part)
            if "1" in group:
                _replace(group, "1", head.bias)
            start += width
        if start != len(head.kernel):
            raise KerasFileError(f"its head has {start} rows, the new one {len(head.kernel)}")
    return stream.getvalue()


def _places(layers: list[Any]) -> list[str]:
    """Give the place of every layer of the head: Keras counts the layers of each kind."""
    convolutions = [one["config"]["name"] for one in layers if one["class_name"] == "Conv2D"]
    heads = [name for name in convolutions if name.startswith(_PREFIX)]
    if not heads:
        raise KerasFileError(f"no layer is called {_PREFIX}…")
    heads.sort(key=lambda name: -int(name.removeprefix(_PREFIX)))
    numbers = map(convolutions.index, heads)
    return [f"conv2d_{number}" if number else "conv2d" for number in numbers]


def _replace(group: Any, name: str, values: Floats) -> None:
    del group[name]
    group.create_dataset(name, data=np.ascontiguousarray(values, np.float32))


def _widen(layers: list[Any], classes: int) -> None:
    """Tell the layers of the head, and what follows them, of the number of classes."""
    heads = [one for one in layers if one["config"]["name"].startswith(_PREFIX)]
    before = next(one["config"]["filters"] for one in heads if "filters" in one["config"])
    behind = {one["config"]["name"] for one in heads} | {_SUM}
    for layer in layers:
        if "filters" in layer["config"] and layer in heads:
            layer["config"]["filters"] = classes
        if layer["config"]["name"] in behind or _follows(layer, behind):
            _reshape(layer, before, classes)


def _follows(layer: Any, names: set[str]) -> bool:
    return any(f'"{name}", 0, 0]' in json.dumps(layer["inbound_nodes"]) for name in names)


def _reshape(value: Any, before: int, after: int) -> None:
    """Change the last side of every shape [null, …, before] in a layer's description."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, list) and item and item[0] is None and item[-1] == before:
            item[-1] = after
        elif isinstance(item, (dict, list)):
            _reshape(item, before, after)
