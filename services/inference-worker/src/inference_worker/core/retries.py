"""What becomes of an attempt that failed and may pass another time."""

from dataclasses import dataclass

from inference_worker.core.requests import PredictRequest
from shared.contracts.dead_letters import Attempt, Cause
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import RequestHeaders
from shared.contracts.predict import Failed

FIRST_DELAY_MS = 500
"""Between the first attempt and the second; doubled with each further one."""

_MAX_ERROR_CHARS = 300
_ENDS = {
    Cause.INFERENCE_FAILED: (ErrorCode.INFERENCE_FAILED, "The model failed on this image."),
    Cause.INTERNAL: (ErrorCode.INTERNAL, "The image met an unexpected error."),
    Cause.WORKER_CRASHED: (ErrorCode.WORKER_CRASHED, "A worker ended while it tried this image."),
}


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt on one request that ended in no outcome. error: one line. stack: of that error."""

    request: PredictRequest
    cause: Cause
    error: str
    stack: str = ""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """One more attempt, the `attempt`th, not before this moment (unix ms)."""

    not_before_ms: int
    attempt: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No more attempts: a dead letter, and a failed outcome."""

    cause: Cause


def decide_fate(
    headers: RequestHeaders, cause: Cause, now_ms: int, *, max_attempts: int
) -> TryAgain | GiveUp:
    """Allow another attempt while the cap and the deadline do; a crash is never tried again."""
    made = max(1, headers.attempt)
    if cause is Cause.WORKER_CRASHED or made >= max_attempts:
        return GiveUp(cause)
    not_before_ms = now_ms + (FIRST_DELAY_MS << (made - 1))
    if not_before_ms >= headers.deadline_ms:
        return GiveUp(cause)
    return TryAgain(not_before_ms, made + 1)


def attempts_with(failed: FailedAttempt, *, worker: str, at_ms: int) -> tuple[Attempt, ...]:
    """Give the history of a request, this attempt included."""
    request = failed.request
    latest = Attempt(
        number=max(1, request.headers.attempt), at_ms=at_ms, worker=worker, error=failed.error
    )
    return (*request.attempts, latest)


def failed_outcome(id_: str, cause: Cause) -> Failed:
    """Give what the client of a request given up is told."""
    code, detail = _ENDS[cause]
    return Failed(id=id_, code=code, detail=detail)


def one_line(error: BaseException) -> str:
    """Give type and message of an error, on one line of at most 300 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_MAX_ERROR_CHARS]
