"""Outcomes and refusals as HTTP responses."""

from collections.abc import Mapping

import orjson
from fastapi import Response

from gateway.core.admission import Refusal
from gateway.core.fhir import diagnostic_report
from gateway.core.media_types import FHIR, JSON, choose_media_type
from gateway.core.stages import worker_ms
from gateway.http.answer_timing import server_timing
from gateway.http.formats.problems import ProblemError, Responses, problem, problem_responses
from gateway.ports import Outcome
from shared.clock import created_at_ms
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import Expired, Failed, Succeeded

RETRY_SOON = {"Retry-After": "1"}
_FORMS = (JSON, FHIR)
_REPORT = {
    "type": "object",
    "required": ["resourceType", "status", "code"],
    "description": "A FHIR R4 DiagnosticReport.",
}
_ANSWER: Responses = {200: {"model": Succeeded, "content": {FHIR: {"schema": _REPORT}}}}
OUTCOME_RESPONSES = _ANSWER | problem_responses(ErrorCode.NOT_ACCEPTABLE)
"""Describes, for OpenAPI, the representations of an outcome."""


def location_header(id_: str) -> dict[str, str]:
    """Return the Location of the outcome."""
    return {"Location": f"/v1/predictions/{id_}"}


def choose_response_type(accept: str | None) -> str:
    """Return the media type of a response. Raises ProblemError: NOT_ACCEPTABLE."""
    form = choose_media_type(accept, _FORMS)
    if form is None:
        detail = f"The response is available as {' or '.join(_FORMS)}."
        raise ProblemError(ErrorCode.NOT_ACCEPTABLE, detail)
    return form


def outcome_response(
    outcome: Outcome,
    *,
    form: str = JSON,
    extra: Mapping[str, object] | None = None,
    stages_ms: Mapping[str, float] | None = None,
) -> Response:
    """Return an outcome as a response: 200 if it succeeded, else a problem.

    form: the media type of a 200; a problem has its own.
    stages_ms: of this request; None for a look-up by id, which reports the worker's stages only.
    """
    stages = worker_ms(outcome.timings) if stages_ms is None else stages_ms
    timing = server_timing(stages)
    match outcome:
        case Succeeded():
            body = {**(extra or {}), **outcome.model_dump(exclude={"timings"})}
            if form == FHIR:
                body = diagnostic_report(outcome, created_at_ms(outcome.id) or 0)
            headers = location_header(outcome.id) | timing
            return Response(orjson.dumps(body), 200, headers, form)
        case Failed():
            return problem(outcome.code, outcome.detail, id_=outcome.id, headers=timing)
        case Expired():
            return problem(
                ErrorCode.DEADLINE_EXCEEDED,
                "The deadline passed before a worker could start the inference.",
                id_=outcome.id,
                headers=timing,
            )


def refusal_response(refused: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal as a problem with `Retry-After`."""
    retry = {"Retry-After": str(refused.retry_after_s)}
    return problem(refused.code, refused.detail, headers=retry | dict(headers or {}))


def json_response(
    body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(body), status, dict(headers or {}), "application/json")
