"""POST /predict and /v1/predictions, GET /v1/predictions/{id}."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from starlette.types import Message

from gateway.core.admission import Refusal
from gateway.core.dicom import MEDIA_TYPE as DICOM
from gateway.core.media_types import JSON
from gateway.core.preferences import PREVIEW, Preferences, parse_explain, parse_preview
from gateway.http.answer_timing import AnswerTimer
from gateway.http.direct_routes import DirectRoute
from gateway.http.formats.image_body import FIELD, ImageUpload
from gateway.http.formats.prediction_image import read_prediction_image
from gateway.http.formats.problems import ProblemError, Responses, problem, problem_responses
from gateway.http.formats.responses import (
    OUTCOME_RESPONSES,
    RETRY_SOON,
    choose_response_type,
    json_response,
    location_header,
    outcome_response,
    refusal_response,
)
from gateway.http.limits import HttpLimits
from gateway.http.preconditions import read_preferences, reject_if_overloaded, request_traceparent
from gateway.ports import DicomRenderer, LookupBusyError
from gateway.service.outcomes import PendingOutcome, UnknownOutcome
from gateway.service.predictions import (
    Answered,
    NoRoomError,
    OutcomeTimeoutError,
    PredictionService,
)
from gateway.service.previews import new_preview
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import CAM, Succeeded
from shared.kafka.publisher import BrokerUnavailableError

_MULTIPART = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": [FIELD],
            "properties": {FIELD: {"type": "string", "format": "binary"}},
        }
    }
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_IMAGE = {"image/*": _BINARY, DICOM: _BINARY}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "RFC 7240: `respond-async` for a 202 at once; `wait=N`, seconds to wait.",
}
_TRACEPARENT = {
    "name": "traceparent",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "W3C Trace Context: the caller's trace, which the request joins. "
    "An invalid value is ignored.",
}
_EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": [CAM]},
    "description": "Add a map of the evidence in the image: `explanation`, or the warning "
    "`explanation_unavailable` if the model cannot.",
}
_PREVIEW = {
    "name": "preview",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": [PREVIEW]},
    "description": "Add a small grey image of a DICOM file to the response: `preview`.",
}
_PROBLEMS = problem_responses(
    ErrorCode.MALFORMED_REQUEST,
    ErrorCode.MISSING_FIELD,
    ErrorCode.EMPTY_FILE,
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
_ANSWER: Responses = {200: {"model": Succeeded}}
_ACCEPTED: Responses = {202: {"description": "Accepted; the outcome is at `Location`."}}


def new_predictions_router(
    service: PredictionService, limits: HttpLimits, timer: AnswerTimer, renderer: DicomRenderer
) -> APIRouter:
    """Serve predictions: the route of the first version and the versioned one."""
    router = APIRouter(tags=["predictions"], route_class=DirectRoute)

    @router.post(
        "/predict",
        responses=_PROBLEMS | _ANSWER,
        openapi_extra={
            "requestBody": {"required": True, "content": _MULTIPART},
            "parameters": [_EXPLAIN, _PREVIEW, _TRACEPARENT],
        },
    )
    async def predict(request: Request) -> Response:
        """Classify one image and wait for the outcome (the route of the first version)."""
        waits = _preferences(request, limits, prefer=None)
        upload = await _receive(service, request, waits, limits, renderer)
        if isinstance(upload, Response):
            return upload
        answered = await _predict(service, request, upload, waits)
        if isinstance(answered, Response):
            return answered
        extra = {"filename": upload.filename} | await _preview(upload, waits)
        return _timed(timer, request, answered, extra)

    @router.post(
        "/v1/predictions",
        responses=_PROBLEMS | OUTCOME_RESPONSES | _ACCEPTED,
        openapi_extra={
            "requestBody": {"required": True, "content": _MULTIPART | _IMAGE},
            "parameters": [_EXPLAIN, _PREVIEW, _PREFER, _TRACEPARENT],
        },
    )
    async def create_prediction(request: Request) -> Response:
        """Classify one image, and wait for the outcome or read it later by id."""
        form = choose_response_type(request.headers.get("accept"))
        preferences = _preferences(request, limits, prefer=request.headers.get("prefer"))
        upload = await _receive(service, request, preferences, limits, renderer)
        if isinstance(upload, Response):
            return upload
        if preferences.respond_async:
            return await _submit(service, request, upload, preferences)
        answered = await _predict(service, request, upload, preferences)
        if isinstance(answered, Response):
            return answered
        extra = {} if form != JSON else await _preview(upload, preferences)
        return _timed(timer, request, answered, extra, form)

    return router


def new_outcomes_router(service: PredictionService) -> APIRouter:
    """Serve outcomes by id, for their retention."""
    router = APIRouter(tags=["predictions"])

    @router.get(
        "/v1/predictions/{id}",
        responses=OUTCOME_RESPONSES | _ACCEPTED | problem_responses(*_FOUND_PROBLEMS),
    )
    async def read_prediction(id: str, request: Request) -> Response:  # noqa: A002  the name in the path
        """Return a prediction's outcome, for one hour; 202 while it is pending."""
        return await _read(service, id, choose_response_type(request.headers.get("accept")))

    return router


_FOUND_PROBLEMS = (
    ErrorCode.NOT_FOUND,
    ErrorCode.UNDECODABLE,
    ErrorCode.INFERENCE_FAILED,
    ErrorCode.DEADLINE_EXCEEDED,
    ErrorCode.BROKER_UNAVAILABLE,
)


def _preferences(request: Request, limits: HttpLimits, *, prefer: str | None) -> Preferences:
    try:
        explain = parse_explain(request.query_params.getlist("explain"))
        has_preview = parse_preview(request.query_params.getlist("preview"))
    except ValueError as error:
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, str(error)) from error
    preferences = read_preferences(
        prefer, default_wait_s=limits.default_wait_s, max_wait_s=limits.max_wait_s
    )
    return replace(preferences, explain=explain, has_preview=has_preview)


async def _receive(
    service: PredictionService,
    request: Request,
    waits: Preferences,
    limits: HttpLimits,
    renderer: DicomRenderer,
) -> ImageUpload | Response:
    max_bytes = limits.body_bytes(request.headers.get("content-type", ""))
    if refused := reject_if_overloaded(service, request, waits.wait_s, max_bytes=max_bytes):
        return refused
    try:
        with service.reserve_body_bytes(at_most=max_bytes) as reserve:
            counted = _counting(request, reserve)
            return await read_prediction_image(counted, limits, renderer, waits.wait_s)
    except NoRoomError as error:
        return refusal_response(error.refused)


def _counting(request: Request, reserve: Callable[[int], None]) -> Request:
    async def receive() -> Message:
        message = await request.receive()
        reserve(len(message.get("body", b"")))
        return message

    return Request(request.scope, receive)


async def _predict(
    service: PredictionService, request: Request, upload: ImageUpload, waits: Preferences
) -> Answered | Response:
    try:
        answered = await service.predict(
            upload.data,
            upload.content_type,
            waits.wait_s,
            request_traceparent(request),
            explain=waits.explain,
            warnings=upload.warnings,
        )
    except OutcomeTimeoutError as error:
        return problem(
            ErrorCode.DEADLINE_EXCEEDED,
            "No outcome before the deadline. It may still arrive: see the Location header.",
            id_=error.id,
            headers=location_header(error.id),
        )
    except BrokerUnavailableError:
        return _broker_away()
    return refusal_response(answered) if isinstance(answered, Refusal) else answered


async def _preview(upload: ImageUpload, waits: Preferences) -> dict[str, object]:
    wanted = waits.has_preview and upload.is_rendered
    preview = await new_preview(upload.data) if wanted else None
    return {} if preview is None else {"preview": preview}


def _timed(
    timer: AnswerTimer,
    request: Request,
    answered: Answered,
    extra: Mapping[str, object],
    form: str = JSON,
) -> Response:
    stages_ms = timer.stages_ms(request.scope, answered.accepted_s, answered.outcome)
    return outcome_response(answered.outcome, form=form, extra=extra, stages_ms=stages_ms)


async def _submit(
    service: PredictionService, request: Request, upload: ImageUpload, waits: Preferences
) -> Response:
    try:
        accepted = await service.submit(
            upload.data,
            upload.content_type,
            waits.wait_s,
            request_traceparent(request),
            explain=waits.explain,
            warnings=upload.warnings,
        )
    except BrokerUnavailableError:
        return _broker_away()
    if isinstance(accepted, Refusal):
        return refusal_response(accepted)
    headers = location_header(accepted.id) | {"Preference-Applied": "respond-async"}
    return json_response({"id": accepted.id, "status": "pending"}, 202, headers)


async def _read(service: PredictionService, id_: str, form: str) -> Response:
    try:
        found = await service.find(id_)
    except BrokerUnavailableError:
        return _broker_away()
    except LookupBusyError:
        return problem(
            ErrorCode.OVERLOADED, "Too many look-ups by id are in progress.", headers=RETRY_SOON
        )
    match found:
        case PendingOutcome():
            body = {"id": found.id, "status": "pending"}
            return json_response(body, 202, location_header(found.id) | RETRY_SOON)
        case UnknownOutcome():
            detail = "Unknown prediction, or its outcome is older than the retention of one hour."
            return problem(ErrorCode.NOT_FOUND, detail)
        case _:
            return outcome_response(found, form=form)


def _broker_away() -> Response:
    return problem(
        ErrorCode.BROKER_UNAVAILABLE,
        "The message broker did not confirm the request in time.",
        headers={"Retry-After": "5"},
    )
