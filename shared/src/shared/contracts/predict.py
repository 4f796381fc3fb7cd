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
    """Where one request's time went inside the worker, milliseconds.

    None: the request did not get there. An answer has been everywhere; older readers count on it.
    """

    queue_ms: float
    decode_ms: float | None = None
    infer_ms: float | None = None

    def stages_ms(self) -> dict[str, float]:
        """Name the stages that the request got to, in their order."""
        stages = {"queue": self.queue_ms, "decode": self.decode_ms, "infer": self.infer_ms}
        return {stage: ms for stage, ms in stages.items() if ms is not None}


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
