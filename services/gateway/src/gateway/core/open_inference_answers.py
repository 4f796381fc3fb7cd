"""Answers of the Open Inference Protocol: outcomes in, JSON and binary tensors out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.core.tensors import Datatype, Tensor, to_binary, to_json
from shared.contracts.predict import Succeeded

INPUTS: tuple[tuple[str, Datatype, tuple[int, ...]], ...] = (
    ("image", "BYTES", (-1,)),
    ("pixels", "UINT8", (-1, -1, -1)),
)
"""Name, datatype and shape of the inputs: a request has one of them."""
OUTPUTS: Mapping[str, Datatype] = {
    "label": "BYTES",
    "confidence": "FP64",
    "probabilities": "FP64",
    "classes": "BYTES",
    "in_domain": "BOOL",
    "warnings": "BYTES",
    "prediction_id": "BYTES",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One output of the response. binary: after the JSON, not in it."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class InferAnswer:
    """A response body. json_bytes: size of its JSON part, if binary tensors follow."""

    body: bytes
    json_bytes: int | None


def format_infer(
    id_: str | None, outputs: Sequence[Wanted], answers: Sequence[Succeeded]
) -> InferAnswer:
    """Write the answer. answers: one for each image, in their order, all of one model version.

    id_: the request's own, given back as it came.
    """
    tensors = _tensors(answers)
    written, tail = [], []
    for wanted in outputs:
        tensor = tensors[wanted.name]
        about = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        if wanted.binary:
            tail.append(to_binary(tensor))
            written.append({**about, "parameters": {"binary_data_size": len(tail[-1])}})
        else:
            written.append({**about, "data": to_json(tensor)})
    model = answers[0].model
    named = {} if id_ is None else {"id": id_}
    head = orjson.dumps(
        {"model_name": model.name, "model_version": model.version, **named, "outputs": written}
    )
    return InferAnswer(b"".join((head, *tail)), len(head) if tail else None)


def describe_model(name: str, version: str, classes: Sequence[str] | None) -> dict[str, Any]:
    """Return a model's metadata. classes: None while unknown."""
    count = -1 if classes is None else len(classes)
    shapes = {"probabilities": (-1, count), "classes": (count,)}
    inputs = [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in INPUTS]
    outputs = [
        {"name": name, "datatype": kind, "shape": shapes.get(name, (-1,))}
        for name, kind in OUTPUTS.items()
    ]
    return {
        "name": name,
        "versions": [version],
        "platform": "openvino",
        "inputs": inputs,
        "outputs": outputs,
    }


def _tensors(answers: Sequence[Succeeded]) -> dict[str, Tensor]:
    classes = tuple(answers[0].probabilities)
    each, count = (len(answers),), len(classes)
    shapes = {"probabilities": (*each, count), "classes": (count,)}
    values: dict[str, list[Any]] = {
        "label": [answer.label.encode() for answer in answers],
        "confidence": [answer.confidence for answer in answers],
        "probabilities": [answer.probabilities[name] for answer in answers for name in classes],
        "classes": [name.encode() for name in classes],
        "in_domain": [answer.in_domain for answer in answers],
        "warnings": [" ".join(answer.warnings).encode() for answer in answers],
        "prediction_id": [answer.id.encode() for answer in answers],
    }
    return {
        name: Tensor(name, kind, shapes.get(name, each), values[name])
        for name, kind in OUTPUTS.items()
    }
