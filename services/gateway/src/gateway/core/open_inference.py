"""Inference requests of the Open Inference Protocol (KServe's V2): bytes in, images out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.core.open_inference_answers import INPUTS, OUTPUTS, Wanted
from gateway.core.tensors import (
    TensorError,
    flatten,
    malformed,
    read_base64,
    read_elements,
    read_uint8,
)
from shared.contracts.errors import ErrorCode
from shared.preprocessing import MAX_PIXELS

MAX_IMAGES = 32
"""Of one request. Each is a request of its own on Kafka."""
MAX_JSON_VALUES = 1_200_000
"""Of one JSON body: a million pixels and what is around them. Each costs up to 90 bytes read."""
_MAX_DETAIL_CHARS = 500
_MAX_SIZE = 2**31
_GREY_OR_COLOUR = (1, 3)
_US_PER_S = 1e6

_NOT_SERVED = (
    *("shared_memory_region", "classification"),
    *("sequence_id", "sequence_start", "sequence_end"),
)

Parameters = dict[str, Any]
Size = Annotated[int, Field(strict=True, ge=0, lt=_MAX_SIZE)]


class InputTensor(BaseModel):
    """One tensor of a request; its data is here, or behind the JSON (`binary_data_size`)."""

    model_config = ConfigDict(frozen=True)

    name: str
    datatype: str
    shape: Annotated[tuple[Size, ...], Field(min_length=1, max_length=8)]
    parameters: Parameters = {}
    data: list[Any] | None = None


class WantedOutput(BaseModel):
    """One tensor that the answer is to have."""

    model_config = ConfigDict(frozen=True)

    name: str
    parameters: Parameters = {}


class InferBody(BaseModel):
    """The JSON part of a request. Without `outputs` the answer has all of them."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(max_length=256)] | None = None
    parameters: Parameters = {}
    inputs: Annotated[tuple[InputTensor, ...], Field(min_length=1, max_length=8)]
    outputs: Annotated[tuple[WantedOutput, ...], Field(max_length=32)] = ()


@dataclass(frozen=True, slots=True)
class InferPixels:
    """One image, not encoded: uint8, row by row; channels: 1 (grey) or 3 (red, green, blue)."""

    data: bytes
    width: int
    height: int
    channels: int


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A parsed request. images: encoded, or pixels. timeout_s: the request's own, if any."""

    id: str | None
    images: tuple[bytes | InferPixels, ...]
    outputs: tuple[Wanted, ...]
    timeout_s: float | None


def parse_infer(body: bytes, json_bytes: int | None) -> InferRequest:
    """Read a request. json_bytes: how much of it is JSON, as its header says; None: all of it.

    Raises TensorError: MALFORMED_REQUEST, TOO_LARGE, TOO_MANY_PIXELS.
    """
    json_bytes = len(body) if json_bytes is None else json_bytes
    if json_bytes > len(body):
        raise malformed("Inference-Header-Content-Length is larger than the body.")
    asked = _read_json(body[:json_bytes])
    _refuse_unserved(asked.parameters)
    raw = _split(asked.inputs, memoryview(body)[json_bytes:])
    if len(asked.inputs) != 1:
        raise malformed("Send one tensor: 'image' or 'pixels'.")
    images = _read_images(asked.inputs[0], raw[0])
    return InferRequest(asked.id, images, _wanted(asked), _timeout_s(asked.parameters))


def _read_json(head: bytes) -> InferBody:
    if sum(map(head.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        detail = f"JSON has more than {MAX_JSON_VALUES} values; send binary tensors."
        raise TensorError(ErrorCode.TOO_LARGE, detail)
    try:
        return InferBody.model_validate_json(head)
    except ValidationError as error:
        places = (f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise malformed("; ".join(places)[:_MAX_DETAIL_CHARS]) from error


def _split(inputs: Sequence[InputTensor], tail: memoryview) -> list[memoryview | None]:
    parts: list[memoryview | None] = []
    for tensor in inputs:
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            parts.append(None)
            continue
        if type(size) is not int or not 0 <= size <= len(tail):
            raise malformed("binary_data_size exceeds the bytes after the JSON.")
        if tensor.data is not None:
            raise malformed("A tensor has data or binary_data_size, not both.")
        parts.append(tail[:size])
        tail = tail[size:]
    if len(tail):
        raise malformed("The body has more bytes than its tensors.")
    return parts


def _read_images(tensor: InputTensor, raw: memoryview | None) -> tuple[bytes | InferPixels, ...]:
    _refuse_unserved(tensor.parameters)
    if raw is None and tensor.data is None:
        raise malformed("The tensor has neither data nor binary_data_size.")
    kinds = {name: datatype for name, datatype, _ in INPUTS}
    if tensor.name not in kinds:
        raise malformed("Inputs are 'image' and 'pixels'.")
    if tensor.datatype != kinds[tensor.name]:
        raise malformed(f"The datatype of '{tensor.name}' is {kinds[tensor.name]}.")
    if tensor.shape[0] == 0:
        raise malformed("The tensor contains no image.")
    if tensor.shape[0] > MAX_IMAGES:
        raise TensorError(ErrorCode.TOO_LARGE, f"At most {MAX_IMAGES} images at once.")
    return (_read_encoded if tensor.name == "image" else _read_pixels)(tensor, raw)


def _read_encoded(tensor: InputTensor, raw: memoryview | None) -> tuple[bytes, ...]:
    if tensor.shape[1:] not in {(), (1,)}:
        raise malformed("The shape of 'image' is [N] or [N, 1].")
    content_type = tensor.parameters.get("content_type")
    if content_type is not None and (raw is not None or content_type != "base64"):
        raise malformed("content_type must be 'base64', and only for tensors in JSON.")
    if raw is not None:
        return tuple(read_elements(raw, tensor.shape[0]))
    return tuple(read_base64(flatten(tensor.data, tensor.shape)))


def _read_pixels(tensor: InputTensor, raw: memoryview | None) -> tuple[InferPixels, ...]:
    count, *sides = tensor.shape
    if len(sides) == len(("height", "width")):
        sides.append(1)
    if len(sides) != len(("height", "width", "channels")) or sides[2] not in _GREY_OR_COLOUR:
        raise malformed("The shape of 'pixels' is [N, H, W], [N, H, W, 1] or [N, H, W, 3].")
    height, width, channels = sides
    if height * width == 0:
        raise malformed("The images have no pixels.")
    if height * width > MAX_PIXELS:
        detail = f"The image has more than {MAX_PIXELS // 1_000_000} megapixels."
        raise TensorError(ErrorCode.TOO_MANY_PIXELS, detail, index=0)
    if raw is None:
        raw = memoryview(read_uint8(flatten(tensor.data, tensor.shape)))
    size = height * width * channels
    if len(raw) != count * size:
        raise malformed(f"The tensor has {len(raw)} bytes; its shape needs {count * size}.")
    starts = range(0, len(raw), size)
    return tuple(InferPixels(bytes(raw[at : at + size]), width, height, channels) for at in starts)


def _wanted(asked: InferBody) -> tuple[Wanted, ...]:
    by_default = _flag(asked.parameters, "binary_data_output", default=False)
    if not asked.outputs:
        return tuple(Wanted(name, by_default) for name in OUTPUTS)
    for output in asked.outputs:
        _refuse_unserved(output.parameters)
    names = [output.name for output in asked.outputs]
    if not OUTPUTS.keys() >= set(names) or len(set(names)) < len(names):
        raise malformed(f"Valid outputs, each at most once: {', '.join(OUTPUTS)}.")
    return tuple(
        Wanted(output.name, _flag(output.parameters, "binary_data", default=by_default))
        for output in asked.outputs
    )


def _flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    flag = parameters.get(name, default)
    if not isinstance(flag, bool):
        raise malformed(f"{name} must be true or false.")
    return flag


def _timeout_s(parameters: Parameters) -> float | None:
    timeout_us = parameters.get("timeout")
    if timeout_us is None:
        return None
    if type(timeout_us) is not int or timeout_us <= 0:
        raise malformed("timeout must be a whole number of microseconds above zero.")
    return min(timeout_us, _MAX_SIZE * _US_PER_S) / _US_PER_S


def _refuse_unserved(parameters: Parameters) -> None:
    for name in _NOT_SERVED:
        if name in parameters:
            raise malformed(f"{name} is not supported.")
