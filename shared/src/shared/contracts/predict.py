"""A prediction request (headers and image bytes) and its one terminal outcome (JSON)."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from shared.contracts.errors import ErrorCode
from shared.contracts.message import Message

REQUEST_SCHEMA = "predict.request/1"
RESULT_SCHEMA = "predict.result/1"

CAM = "cam"
"""Explain by class activation map: the only method there is."""
EXPLANATION_UNAVAILABLE = "explanation_unavailable"
"""The warning of an answer that was to be explained, and is not."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class ModelRef(Message):
    """The model that made an answer."""

    name: str
    version: str


class Timings(Message):
    """Where one request's time went inside the worker, milliseconds.

    None: the request did not get there. An answer has been everywhere, older readers count on it;
    but to `explain` only if it is explained.
    """

    queue_ms: float
    decode_ms: float | None = None
    infer_ms: float | None = None
    explain_ms: float | None = Field(default=None, exclude_if=lambda ms: ms is None)

    def stages_ms(self) -> dict[str, float]:
        """Name the stages that the request got to, in their order."""
        stages = {
            "queue": self.queue_ms,
            "decode": self.decode_ms,
            "infer": self.infer_ms,
            "explain": self.explain_ms,
        }
        return {stage: ms for stage, ms in stages.items() if ms is not None}


class Overlay(Message):
    """The map as a picture, to be laid over the whole of the image: same aspect, EXIF applied."""

    content_type: Literal["image/png"] = "image/png"
    base64: str


class Explanation(Message):
    """Where in the image the evidence for `class` lies.

    grid: rows from the top, each from the left, over the whole image; what each cell says for
    `class`, in logits, constants included. Its mean is `logits` of `class`, within 0.001.
    logits: calibrated, by class in manifest order; their softmax are the probabilities.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    method: str = CAM
    of_class: str = Field(validation_alias="class", serialization_alias="class")
    logits: dict[str, float]
    grid: tuple[tuple[float, ...], ...]
    overlay: Overlay


class Succeeded(Message):
    """The image was read and classified.

    probabilities: calibrated, keyed by class in manifest order; they sum to 1 within 1e-4.
    confidence: the probability of `label`.
    explanation: if it was asked for and can be given; else left out.
    """

    status: Literal["succeeded"] = "succeeded"
    id: str
    label: str
    confidence: Probability
    probabilities: dict[str, Probability]
    model: ModelRef
    in_domain: bool = True
    warnings: tuple[str, ...] = ()
    explanation: Explanation | None = Field(default=None, exclude_if=lambda one: one is None)
    timings: Timings | None = None


class Failed(Message):
    """The request ended without an answer, for the reason that `code` names."""

    status: Literal["failed"] = "failed"
    id: str
    code: ErrorCode
    detail: str
    timings: Timings | None = None


class Expired(Message):
    """The deadline passed before a worker could start on the image."""

    status: Literal["expired"] = "expired"
    id: str
    deadline_ms: int
    timings: Timings | None = None


PredictResult = Annotated[Succeeded | Failed | Expired, Field(discriminator="status")]

_RESULT: TypeAdapter[Succeeded | Failed | Expired] = TypeAdapter(PredictResult)


def parse_result(body: bytes) -> Succeeded | Failed | Expired:
    """Read one outcome. Raises ValueError (pydantic.ValidationError) if it is not one."""
    return _RESULT.validate_json(body)
