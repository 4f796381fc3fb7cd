"""Tensors on the wire of the Open Inference Protocol: in JSON, and in Triton's binary form.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any, Literal

from shared.contracts.errors import ErrorCode

Datatype = Literal["BYTES", "UINT8", "FP64", "BOOL"]
Values = Sequence[Any]
"""Of one tensor, row by row: bytes, int, float or bool by its datatype."""

_LENGTH = struct.Struct("<I")


class TensorError(ValueError):
    """A request that is invalid or not supported.

    index: of the image that it is about, from 0; None where it is about the whole.
    """

    def __init__(self, code: ErrorCode, detail: str, *, index: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.index = index


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of an answer; `values` are as many as the product of `shape`."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    values: Values


def malformed(detail: str, *, index: int | None = None) -> TensorError:
    """Name what does not fit the protocol."""
    return TensorError(ErrorCode.MALFORMED_REQUEST, detail, index=index)


def read_elements(raw: memoryview, count: int) -> list[bytes]:
    """Read the binary form of BYTES: `count` elements, each behind its length (uint32, little).

    Raises TensorError unless they fill `raw` exactly.
    """
    elements, at = [], 0
    for index in range(count):
        start = at + _LENGTH.size
        if start > len(raw):
            raise malformed("The tensor's bytes end before its last element.", index=index)
        (size,) = _LENGTH.unpack_from(raw, at)
        at = start + size
        if at > len(raw):
            raise malformed("The element is longer than the remaining bytes.", index=index)
        elements.append(bytes(raw[start:at]))
    if at != len(raw):
        raise malformed("The tensor has more bytes than elements.")
    return elements


def read_base64(values: Values) -> list[bytes]:
    """Read the JSON form of BYTES: standard base64 with padding. Raises TensorError."""
    elements = []
    for index, value in enumerate(values):
        try:
            if not isinstance(value, str):
                raise TypeError  # noqa: TRY301  bytes-like is no JSON
            elements.append(base64.b64decode(value, validate=True))
        except (TypeError, ValueError) as error:
            raise malformed("BYTES in JSON must be a base64 string.", index=index) from error
    return elements


def read_uint8(values: Values) -> bytes:
    """Read the JSON form of UINT8. Raises TensorError."""
    try:
        return bytes(values)
    except (TypeError, ValueError) as error:
        raise malformed("UINT8 values must be whole numbers from 0 to 255.") from error


def flatten(data: Any, shape: tuple[int, ...]) -> list[Any]:
    """Return the values of JSON `data`, which is flat or nested as `shape` says.

    Raises TensorError if it is neither.
    """
    nested = isinstance(data, list) and bool(data) and isinstance(data[0], list)
    level = [data]
    for size in shape if nested else (prod(shape),):
        if not all(isinstance(row, list) and len(row) == size for row in level):
            raise malformed(f"data does not have the shape {list(shape)}.")
        level = list(chain.from_iterable(level))
    return level


def to_json(tensor: Tensor) -> list[Any]:
    """Write values for JSON. BYTES of an answer are text: labels, ids, warnings."""
    if tensor.datatype == "BYTES":
        return [value.decode() for value in tensor.values]
    return list(tensor.values)


def to_binary(tensor: Tensor) -> bytes:
    """Write values in the binary form, little-endian."""
    if tensor.datatype == "BYTES":
        return b"".join(_LENGTH.pack(len(value)) + value for value in tensor.values)
    if tensor.datatype == "FP64":
        return struct.pack(f"<{len(tensor.values)}d", *tensor.values)
    return bytes(tensor.values)
