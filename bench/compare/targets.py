"""How a system is asked, and where its answer has the label."""

import base64
import json
from dataclasses import dataclass
from typing import Any, Literal

from bench.latency import new_request

MODEL = "pneumonia"
INPUT_TOPIC, OUTPUT_TOPIC = "mlserver-input", "mlserver-output"


@dataclass(frozen=True, slots=True)
class Target:
    """A listening system. kind: multipart and v2-rest are HTTP, v2-kafka is MLServer's topics."""

    kind: Literal["multipart", "v2-rest", "v2-kafka"]
    host: str
    port: int


def new_http_request(target: Target, image: bytes) -> bytes:
    """Encode a whole HTTP request that asks for one prediction."""
    host = f"{target.host}:{target.port}"
    if target.kind == "multipart":
        return new_request(image, host)
    body = new_v2_body(image)
    head = (
        f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: {host}\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n\r\n"
    )
    return head.encode() + body


def new_v2_body(image: bytes) -> bytes:
    """Encode an image as the Open Inference Protocol wants it in JSON: base64."""
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(image).decode()],
    }
    return json.dumps({"inputs": [tensor]}).encode()


def label_of(target: Target, body: bytes) -> str:
    """Read the label from an answer. Raises KeyError or ValueError if it is none."""
    answer: dict[str, Any] = json.loads(body)
    if target.kind == "multipart":
        return str(answer["label"])
    tensors = {tensor["name"]: tensor["data"] for tensor in answer["outputs"]}
    return str(tensors["label"][0])


def is_sure(body: bytes) -> bool:
    """Tell whether this system's answer is far from its threshold: no `close_call`."""
    return "close_call" not in json.loads(body)["warnings"]
