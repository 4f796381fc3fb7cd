"""A prediction request (headers and image bytes) and its one terminal outcome (JSON)."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from shared.contracts.errors import ErrorCode
from shared.contracts.message import Message

REQUEST_SCHEMA = "predict.request/1"
RESULT_SCHEMA = "predict.result/1"

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class ModelRef(Message):
    """The model that made an answer."""

    name: str
    version: str


class Timings(Message):
    """Where one request's time went inside the worker, milliseconds."""

    queue_ms: float
    decode_ms: float
    infer_ms: float


class Succeeded(Message):
    """The image was read and classified.

    probabilities: calibrated, keyed by class in manifest order; they sum to 1 within 1e-4.
    confidence: the probability of `label`.
    """

    status: Literal["succeeded"] = "succeeded"
    id: str
    label: str
    confidence: Probability
    probabilities: dict[str, Probability]
    model: ModelRef
    in_domain: bool = True
    warnings: tuple[str, ...] = ()
    timings: Timings | None = None


class Failed(Message):
    """The request ended without an answer, for the reason that `code` names."""

    status: Literal["failed"] = "failed"
    id: str
    code: ErrorCode
    detail: str


class Expired(Message):
    """The deadline passed before a worker could start on the image."""

    status: Literal["expired"] = "expired"
    id: str
    deadline_ms: int


PredictResult = Annotated[Succeeded | Failed | Expired, Field(discriminator="status")]

_RESULT: TypeAdapter[Succeeded | Failed | Expired] = TypeAdapter(PredictResult)


def parse_result(body: bytes) -> Succeeded | Failed | Expired:
    """Read one outcome. Raises ValueError (pydantic.ValidationError) if it is not one."""
    return _RESULT.validate_json(body)
