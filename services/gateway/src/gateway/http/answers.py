"""Outcomes as responses."""

from collections.abc import Mapping

import orjson
from fastapi import Response

from gateway.core.admission import Refuse
from gateway.core.stages import worker_ms
from gateway.http.problems import problem
from gateway.http.timing import server_timing
from gateway.ports import Outcome
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import Expired, Failed, Succeeded

RETRY_SOON = {"Retry-After": "1"}


def location_of(id_: str) -> dict[str, str]:
    """Where the outcome can be read."""
    return {"Location": f"/v1/predictions/{id_}"}


def answer(
    outcome: Outcome,
    *,
    extra: Mapping[str, object] | None = None,
    stages_ms: Mapping[str, float] | None = None,
) -> Response:
    """Give an outcome its HTTP form: 200 only for an answer, else a problem.

    stages_ms: of the request that is answered; None if it only asks for an outcome that there is,
    which then has the worker's stages alone.
    """
    stages = worker_ms(outcome.timings) if stages_ms is None else stages_ms
    timing = server_timing(stages)
    match outcome:
        case Succeeded():
            body = {**(extra or {}), **outcome.model_dump(exclude={"timings"})}
            headers = location_of(outcome.id) | timing
            return Response(orjson.dumps(body), 200, headers, "application/json")
        case Failed():
            return problem(outcome.code, outcome.detail, id_=outcome.id, headers=timing)
        case Expired():
            return problem(
                ErrorCode.DEADLINE_EXCEEDED,
                "The deadline passed before a worker could start.",
                id_=outcome.id,
                headers=timing,
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
