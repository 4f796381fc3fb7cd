"""POST /v2/models/{name}/infer: predictions by the Open Inference Protocol."""

import asyncio
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response

from gateway.core.admission import Refusal
from gateway.core.decompression import ENCODINGS, decompress
from gateway.core.dicom import Rendered
from gateway.core.faults import Fault
from gateway.core.open_inference import InferBody, InferRequest, parse_infer
from gateway.core.open_inference_answers import InferAnswer, format_infer
from gateway.core.tensors import TensorError
from gateway.http.answer_timing import AnswerTimer, server_timing
from gateway.http.formats.problems import (
    ProblemError,
    Responses,
    describe_broker_refusal,
    problem,
    problem_responses,
)
from gateway.http.formats.request_bodies import bounded_chunks, content_encoding
from gateway.http.formats.responses import RETRY_SOON, location_header, refusal_response
from gateway.http.limits import InferLimits
from gateway.http.preconditions import read_preferences, reject_if_overloaded, request_traceparent
from gateway.http.routes.open_inference_models import ModelSelector
from gateway.ports import DicomRenderer
from gateway.service.batches import (
    Classified,
    DicomLimits,
    EncodedImage,
    ImageFailedError,
    encode_all,
    predict_all,
    render_all,
)
from gateway.service.predictions import NoRoomError, OutcomeTimeoutError, PredictionService
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import Expired, Failed
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError

_log = structlog.get_logger(__name__)

JSON_BYTES = "Inference-Header-Content-Length"
"""Header with the size of the JSON part, where binary tensors follow."""

_MAX_DIGITS = 12
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_REQUEST = {
    "required": True,
    "content": {
        "application/json": {"schema": InferBody.model_json_schema()},
        "application/octet-stream": _BINARY,
    },
}
_HEADERS = [
    {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
    for name in (JSON_BYTES, "Content-Encoding", "Prefer", "traceparent")
]
_ANSWER: Responses = {
    200: {
        "description": "Tensors, in JSON or in binary form after it.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/octet-stream": _BINARY,
        },
    }
}
_PROBLEMS = problem_responses(
    ErrorCode.MALFORMED_REQUEST,
    ErrorCode.EMPTY_FILE,
    ErrorCode.NOT_FOUND,
    ErrorCode.CONFLICT,
    ErrorCode.TOO_LARGE,
    ErrorCode.TOO_MANY_PIXELS,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.UNSUPPORTED_DICOM,
    ErrorCode.UNDECODABLE,
    ErrorCode.INFERENCE_FAILED,
    ErrorCode.OVERLOADED,
    ErrorCode.BROKER_UNAVAILABLE,
    ErrorCode.DEADLINE_EXCEEDED,
)
_DESCRIBED: dict[str, Any] = {
    "responses": _ANSWER | _PROBLEMS,
    "openapi_extra": {"requestBody": _REQUEST, "parameters": _HEADERS},
}


def new_open_inference_router(
    service: PredictionService,
    limits: InferLimits,
    timer: AnswerTimer,
    served: ModelSelector,
    renderer: DicomRenderer,
) -> APIRouter:
    """Serve inference, of one image or of several."""
    router = APIRouter(tags=["open inference protocol"])

    async def answer(request: Request, name: str, version: str | None) -> Response:
        served.require(name, version)
        try:
            asked, images, wait_s = await _receive(service, request, limits, renderer)
            classified = await predict_all(service, images, wait_s, request_traceparent(request))
        except _RefusedError as error:
            return error.response
        except TensorError as error:
            retry = RETRY_SOON if error.code is ErrorCode.OVERLOADED else None
            return _problem(error.code, error.detail, error.index, headers=retry)
        except ImageFailedError as error:
            return _failure(error)
        versions = {one.outcome.model.version for one in classified}
        if len(versions) > 1 or version not in {None, *versions}:
            detail = "The model was replaced during this request. Send it again."
            return problem(ErrorCode.CONFLICT, detail, headers=RETRY_SOON)
        answers = [one.outcome for one in classified]
        timing = _timing(timer, request, classified)
        return _response(format_infer(asked.id, asked.outputs, answers), timing)

    @router.post("/v2/models/{name}/infer", **_DESCRIBED)
    async def infer(name: str, request: Request) -> Response:
        """Classify up to 32 images with the current model."""
        return await answer(request, name, None)

    @router.post("/v2/models/{name}/versions/{version}/infer", **_DESCRIBED)
    async def infer_with_version(name: str, version: str, request: Request) -> Response:
        """Classify with one version: 404 unless it is current, 409 if another made an answer."""
        return await answer(request, name, version)

    return router


class _RefusedError(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def _receive(
    service: PredictionService, request: Request, limits: InferLimits, renderer: DicomRenderer
) -> tuple[InferRequest, tuple[EncodedImage, ...], float]:
    encoding = content_encoding(request, ENCODINGS)
    json_bytes = _json_bytes(request)
    wait_s = read_preferences(
        request.headers.get("prefer"),
        default_wait_s=limits.default_wait_s,
        max_wait_s=limits.max_wait_s,
    ).wait_s
    if refused := reject_if_overloaded(service, request, wait_s, max_bytes=limits.max_bytes):
        raise _RefusedError(refused)
    try:
        # Three times: as received, unpacked, and as images rendered from its DICOM files.
        with service.reserve_body_bytes(at_most=3 * limits.max_bytes) as reserve:
            body = bytearray()
            async for chunk in bounded_chunks(
                request, limits.max_bytes, _too_large(limits), encodings=ENCODINGS
            ):
                reserve(len(chunk))
                body += chunk
            data: bytes | Fault = bytes(body)
            if encoding is not None:
                data = await asyncio.to_thread(decompress, bytes(body), encoding, limits.max_bytes)
            if isinstance(data, Fault):
                raise ProblemError(data.code, data.detail)
            reserve(len(data))
            # Base64, a million numbers or PNG take too long for the event loop.
            asked = await asyncio.to_thread(parse_infer, data, json_bytes)
            if asked.timeout_s is not None:
                wait_s = min(asked.timeout_s, limits.max_wait_s)
            bounds = DicomLimits(limits.max_dicom_bytes, limits.max_bytes)
            rendered = await render_all(renderer, asked.images, bounds, wait_s)
            reserve(sum(len(each.png) for each in rendered if isinstance(each, Rendered)))
            images = await asyncio.to_thread(encode_all, rendered, max_bytes=limits.max_image_bytes)
    except NoRoomError as error:
        raise _RefusedError(refusal_response(error.refused)) from error
    return asked, images, wait_s


def _too_large(limits: InferLimits) -> ProblemError:
    detail = f"The body is larger than {limits.max_bytes // (1024 * 1024)} MiB."
    return ProblemError(ErrorCode.TOO_LARGE, detail)


def _json_bytes(request: Request) -> int | None:
    value = request.headers.get(JSON_BYTES)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS):
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, f"{JSON_BYTES} is not a number of bytes.")
    return int(value)


def _timing(timer: AnswerTimer, request: Request, classified: list[Classified]) -> dict[str, str]:
    # Of several images, the last one published stands for all.
    last = max(classified, key=lambda one: one.answered.accepted_s)
    stages_ms = timer.stages_ms(request.scope, last.answered.accepted_s, last.outcome)
    return server_timing(stages_ms)


def _response(answer: InferAnswer, headers: dict[str, str]) -> Response:
    if answer.json_bytes is None:
        return Response(answer.body, 200, headers, "application/json")
    headers = headers | {JSON_BYTES: str(answer.json_bytes)}
    return Response(answer.body, 200, headers, "application/octet-stream")


def _failure(error: ImageFailedError) -> Response:
    match error.why:
        case Refusal(code=code, detail=detail, retry_after_s=seconds):
            return _problem(code, detail, error.index, headers={"Retry-After": str(seconds)})
        case Failed(code=code, detail=detail, id=id_):
            return _problem(code, detail, error.index, id_=id_)
        case Expired(id=id_):
            detail = "The deadline passed before a worker could start the inference."
            return _problem(ErrorCode.DEADLINE_EXCEEDED, detail, error.index, id_=id_)
        case OutcomeTimeoutError(id=id_):
            detail = "No outcome before the deadline. It may still arrive: see the Location header."
            code, headers = ErrorCode.DEADLINE_EXCEEDED, location_header(id_)
            return _problem(code, detail, error.index, id_=id_, headers=headers)
        case BrokerUnavailableError():
            detail = "The message broker did not confirm the request in time."
            code, headers = ErrorCode.BROKER_UNAVAILABLE, {"Retry-After": "5"}
            return _problem(code, detail, error.index, headers=headers)
        case RecordRefusedError() as refused:
            _log.error("record refused by the broker", reason=str(refused))
            return _problem(*describe_broker_refusal(refused), error.index)


def _problem(
    code: ErrorCode,
    detail: str,
    index: int | None,
    *,
    id_: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    if index is None:
        return problem(code, detail, id_=id_, headers=headers)
    named = {"index": index}
    return problem(code, f"Image {index}: {detail}", id_=id_, headers=headers, extra=named)
