"""POST /v1/jobs, and /retrain of the first version: training jobs, passed on to the registry."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from structlog.contextvars import bind_contextvars

from gateway.core.job_ids import MAX_KEY_CHARS, is_idempotency_key, job_id_of
from gateway.http.formats.problems import ProblemError, problem_responses, success_responses
from gateway.http.formats.request_bodies import json_body, read_json_body
from gateway.http.formats.responses import json_response
from shared.clock import new_id
from shared.contracts.errors import ErrorCode
from shared.contracts.train import TERMINAL_STATES, Job, JobList, Mode, NewJob, Policy
from shared.control_client import ControlClient, ControlRefusedError, RegistryUnavailableError

_QUEUED = "Training is queued."
_MAX_LISTED = 200
_MAX_SEED = 2**32 - 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class JobRequest(BaseModel):
    """A training job to create. policy auto: a candidate that passes the gate is promoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = "fast"
    policy: Policy = "auto"
    seed: int = Field(default=0, ge=0, le=_MAX_SEED)


_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS},
    "description": "Requests with the same key return the same job: use a UUID. "
    "The same key with another body is a conflict.",
}
_CONFLICT = problem_responses(ErrorCode.CONFLICT)[409]
_CREATE: dict[str, Any] = {
    "status_code": 202,
    "responses": problem_responses(
        ErrorCode.MALFORMED_REQUEST,
        ErrorCode.CONFLICT,
        ErrorCode.TOO_LARGE,
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        ErrorCode.REGISTRY_UNAVAILABLE,
    )
    | {
        202: {"model": Job, "description": "The job is queued; its URL is in `Location`."},
        409: _CONFLICT
        | {"description": "Problem: conflict, too_many_jobs, or mode_not_offered with its needs."},
        422: {"description": "Problem: too_few_data, with what is missing."},
    },
    "openapi_extra": {
        "parameters": [_KEY],
        "requestBody": {"required": False, "content": json_body(JobRequest)},
    },
}
_JOB = success_responses(Job) | problem_responses(
    ErrorCode.NOT_FOUND, ErrorCode.REGISTRY_UNAVAILABLE
)


def new_jobs_router(control: ControlClient) -> APIRouter:
    """Serve jobs: create, list, read, cancel."""
    router = APIRouter(tags=["jobs"])

    @router.post("/retrain", **_CREATE)
    async def retrain(request: Request) -> Response:
        """Queue a training job and return at once; `message` names a job that is already open."""
        job = await _created(control, request)
        return _accepted(job, {"message": await _describe_open_jobs(control, job)})

    @router.post("/v1/jobs", **_CREATE)
    async def create_job(request: Request) -> Response:
        """Queue a training job and return at once."""
        return _accepted(await _created(control, request), {})

    @router.get(
        "/v1/jobs",
        responses=success_responses(JobList) | problem_responses(*_LIST_PROBLEMS),
    )
    async def list_jobs(limit: Annotated[int, Query(ge=1, le=_MAX_LISTED)] = 50) -> Response:
        """Return the newest jobs, and the modes that trainers offer; null if unknown."""
        found = await control.jobs_and_modes()
        jobs = [job.model_dump() for job in found.jobs[:limit]]
        return json_response({"jobs": jobs, "modes": found.modes})

    @router.get("/v1/jobs/{id}", responses=_JOB)
    async def read_job(id: str) -> Response:  # noqa: A002  the name in the path
        """Return one job."""
        return _answer(await control.job(known_job_id(id)))

    @router.post("/v1/jobs/{id}/cancel", responses=_JOB | problem_responses(ErrorCode.CONFLICT))
    async def cancel_job(id: str) -> Response:  # noqa: A002  the name in the path
        """Cancel a queued job at once; ask the trainer to stop a running job."""
        return _answer(await control.cancel_job(known_job_id(id)))

    return router


_LIST_PROBLEMS = (ErrorCode.MALFORMED_REQUEST, ErrorCode.REGISTRY_UNAVAILABLE)


def known_job_id(id_: str) -> str:
    """Return a well-formed job id, and bind it for log lines. Raises ProblemError: NOT_FOUND."""
    if _UUID.fullmatch(id_) is None:
        raise ProblemError(ErrorCode.NOT_FOUND, "Unknown job.")
    bind_contextvars(job_id=id_)
    return id_


async def _created(control: ControlClient, request: Request) -> Job:
    key = _idempotency_key(request)
    wanted = await read_json_body(request, JobRequest)
    id_ = known_job_id(new_id() if key is None else job_id_of(key))
    job, _ = await control.create_job(NewJob(id=id_, **wanted.model_dump()))
    return job


def _accepted(job: Job, extra: Mapping[str, object]) -> Response:
    return json_response({**extra, **job.model_dump()}, 202, {"Location": f"/v1/jobs/{job.id}"})


async def _describe_open_jobs(control: ControlClient, job: Job) -> str:
    try:
        jobs = await control.jobs()
    except (ControlRefusedError, RegistryUnavailableError):
        return _QUEUED  # the job exists; the message about other jobs is optional
    found = (each.id for each in jobs if each.id != job.id and each.state not in TERMINAL_STATES)
    if (other := next(found, None)) is None:
        return _QUEUED
    return (
        f"{_QUEUED} Job {other} is also open. If this request was sent twice, cancel one: "
        f"POST /v1/jobs/{job.id}/cancel."
    )


def _idempotency_key(request: Request) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1 or not all(map(is_idempotency_key, keys)):
        detail = f"Send one Idempotency-Key of 1 to {MAX_KEY_CHARS} printable ASCII characters."
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, detail)
    return keys[0] if keys else None


def _answer(job: Job) -> Response:
    return Response(orjson.dumps(job.model_dump()), media_type="application/json")
