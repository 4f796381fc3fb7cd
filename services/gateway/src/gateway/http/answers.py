"""Outcomes as responses."""

from collections.abc import Mapping

import orjson
from fastapi import Response

from gateway.core.admission import Refuse
from gateway.http.problems import problem
from gateway.ports import Outcome
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import Expired, Failed, Succeeded

RETRY_SOON = {"Retry-After": "1"}


def location_of(id_: str) -> dict[str, str]:
    """Where the outcome can be read."""
    return {"Location": f"/v1/predictions/{id_}"}


def answer(outcome: Outcome, *, extra: Mapping[str, object] | None = None) -> Response:
    """Give an outcome its HTTP form: 200 only for an answer, else a problem."""
    match outcome:
        case Succeeded():
            body = {**(extra or {}), **outcome.model_dump(exclude={"timings"})}
            headers = location_of(outcome.id) | _server_timing(outcome)
            return Response(orjson.dumps(body), 200, headers, "application/json")
        case Failed():
            return problem(outcome.code, outcome.detail, id_=outcome.id)
        case Expired():
            return problem(
                ErrorCode.DEADLINE_EXCEEDED,
                "The deadline passed before a worker could start.",
                id_=outcome.id,
            )


def refusal(refused: Refuse, headers: Mapping[str, str] | None = None) -> Response:
    """Give a refusal its HTTP form."""
    retry = {"Retry-After": str(refused.retry_after_s)}
    return problem(refused.code, refused.detail, headers=retry | dict(headers or {}))


def json_response(
    body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Serialise a body."""
    return Response(orjson.dumps(body), status, dict(headers or {}), "application/json")


def _server_timing(outcome: Succeeded) -> dict[str, str]:
    if outcome.timings is None:
        return {}
    stages = {
        "queue": outcome.timings.queue_ms,
        "decode": outcome.timings.decode_ms,
        "infer": outcome.timings.infer_ms,
    }
    return {"Server-Timing": ", ".join(f"{k};dur={v:.2f}" for k, v in stages.items())}
