"""Jobs: requested and watched by anybody, worked on by a trainer."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.responses import JSONResponse
from structlog.contextvars import bind_contextvars

from registry.core.refusals import Refuse, RegistryCode
from registry.http.bodies import describe_body, read_message
from registry.http.paths import JobId
from registry.http.problems import ProblemWriter, problem_responses
from registry.service.jobs import JobService
from shared.contracts.errors import ErrorCode
from shared.contracts.train import Claim, Job, JobOutcome, JobReport, Mode, NewJob, Release

MAX_JOB_BYTES = 64 * 1024


async def _about(id: JobId) -> None:  # noqa: A002  the wire's name
    bind_contextvars(job_id=id)


_ABOUT_A_JOB = [Depends(_about)]
"""Of a route that names a job: its log lines name it too."""

_JOB: dict[str, Any] = {"model": Job}
_Limit = Annotated[int, Query(ge=1, le=1000)]
_Offers = Annotated[tuple[Mode, ...], Query(max_length=8)]


def new_requests_router(service: JobService, problems: ProblemWriter) -> APIRouter:
    """Serve those who want a training, or want it no more."""
    router = APIRouter(tags=["jobs"])

    @router.post(
        "/v1/jobs",
        status_code=status.HTTP_201_CREATED,
        openapi_extra=describe_body(NewJob),
        responses={
            200: {"description": "The same job was requested before.", **_JOB},
            201: _JOB,
            **problem_responses(
                ErrorCode.MALFORMED_REQUEST,
                ErrorCode.CONFLICT,
                ErrorCode.TOO_LARGE,
                ErrorCode.UNSUPPORTED_MEDIA_TYPE,
                RegistryCode.MODE_NOT_OFFERED,
                RegistryCode.TOO_FEW_DATA,
                RegistryCode.TOO_MANY_JOBS,
            ),
        },
    )
    async def request_job(request: Request) -> Response:
        """Make a job and its command; idempotent by id."""
        new = await read_message(request, NewJob, MAX_JOB_BYTES)
        outcome = new if isinstance(new, Refuse) else await service.request(new)
        if isinstance(outcome, Refuse):
            return problems.respond(outcome)
        code = status.HTTP_201_CREATED if outcome.created else status.HTTP_200_OK
        return _answer(outcome.job, problems, code)

    @router.post(
        "/v1/jobs/{id}/cancel",
        dependencies=_ABOUT_A_JOB,
        responses={
            200: _JOB,
            **problem_responses(
                ErrorCode.MALFORMED_REQUEST, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT
            ),
        },
    )
    async def cancel(id: JobId) -> Response:  # noqa: A002  the wire's name
        """Cancel at once what nobody works on; ask the holder of what is worked on."""
        return _answer(await service.cancel(id), problems)

    return router


def new_job_lists_router(service: JobService, problems: ProblemWriter) -> APIRouter:
    """Serve those who want to know how it goes."""
    router = APIRouter(tags=["jobs"])

    @router.get("/v1/jobs", responses=problem_responses(ErrorCode.MALFORMED_REQUEST))
    async def list_jobs(
        *, claimable: bool = False, offers: _Offers = (), modes: bool = False, limit: _Limit = 200
    ) -> Response:
        """The newest jobs, newest first.

        claimable: the oldest of those that a trainer may take now, also newest first.
        offers: with claimable, the modes that the trainer can do. modes: add those on offer; older
        clients accept lists of jobs only.
        """
        jobs = await (service.claimable(limit, offers) if claimable else service.jobs(limit))
        more = {"modes": service.modes()} if modes else {}
        return JSONResponse({"jobs": [job.model_dump(mode="json") for job in jobs], **more})

    @router.get(
        "/v1/jobs/{id}",
        dependencies=_ABOUT_A_JOB,
        responses={
            200: _JOB,
            **problem_responses(ErrorCode.MALFORMED_REQUEST, ErrorCode.NOT_FOUND),
        },
    )
    async def job(id: JobId) -> Response:  # noqa: A002  the wire's name
        """One job, whatever its state."""
        return _answer(await service.job(id), problems)

    return router


def new_leases_router(service: JobService, problems: ProblemWriter) -> APIRouter:
    """Serve the trainers."""
    router = APIRouter(tags=["jobs"], dependencies=_ABOUT_A_JOB)
    refusals = problem_responses(
        ErrorCode.MALFORMED_REQUEST,
        ErrorCode.NOT_FOUND,
        ErrorCode.CONFLICT,
        RegistryCode.LEASE_HELD,
        RegistryCode.LEASE_LOST,
        ErrorCode.TOO_LARGE,
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    )
    answers: dict[int | str, dict[str, Any]] = {200: _JOB, **refusals}

    @router.post("/v1/jobs/{id}/lease", responses=answers, openapi_extra=describe_body(Claim))
    async def lease(id: JobId, request: Request) -> Response:  # noqa: A002  the wire's name
        """Take the job; the claim after the last attempt fails it."""
        claim = await read_message(request, Claim, MAX_JOB_BYTES)
        outcome = claim if isinstance(claim, Refuse) else await service.lease(id, claim)
        return _answer(outcome, problems)

    @router.post("/v1/jobs/{id}/release", responses=answers, openapi_extra=describe_body(Release))
    async def release(id: JobId, request: Request) -> Response:  # noqa: A002  the wire's name
        """Queue the job again for another trainer; the attempt is not counted as lost."""
        message = await read_message(request, Release, MAX_JOB_BYTES)
        outcome = message if isinstance(message, Refuse) else await service.release(id, message)
        return _answer(outcome, problems)

    @router.put("/v1/jobs/{id}/report", responses=answers, openapi_extra=describe_body(JobReport))
    async def report(id: JobId, request: Request) -> Response:  # noqa: A002  the wire's name
        """Keep the lease and tell how far the job is; look at `cancel_requested`."""
        message = await read_message(request, JobReport, MAX_JOB_BYTES)
        outcome = message if isinstance(message, Refuse) else await service.report(id, message)
        return _answer(outcome, problems)

    @router.post(
        "/v1/jobs/{id}/outcome", responses=answers, openapi_extra=describe_body(JobOutcome)
    )
    async def finish(id: JobId, request: Request) -> Response:  # noqa: A002  the wire's name
        """End the job, with everything that follows from it; idempotent."""
        message = await read_message(request, JobOutcome, MAX_JOB_BYTES)
        outcome = message if isinstance(message, Refuse) else await service.finish(id, message)
        return _answer(outcome, problems)

    return router


def _answer(
    outcome: Job | Refuse, problems: ProblemWriter, code: int = status.HTTP_200_OK
) -> Response:
    if isinstance(outcome, Refuse):
        return problems.respond(outcome)
    return Response(outcome.to_bytes(), status_code=code, media_type="application/json")
