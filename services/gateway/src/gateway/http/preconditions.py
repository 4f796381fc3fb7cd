"""What is asked of a prediction before its body is read, whichever protocol it speaks."""

from fastapi import Request, Response

from gateway.core.preferences import Preferences, parse_prefer
from gateway.http.formats.problems import ProblemError
from gateway.http.formats.responses import refusal_response
from gateway.http.request_tracing import trace_of
from gateway.service.predictions import PredictionService
from shared.contracts.errors import ErrorCode
from shared.observability.traceparent import parse_traceparent


def reject_if_overloaded(
    service: PredictionService, request: Request, wait_s: float, *, max_bytes: int
) -> Response | None:
    """Give the refusal of a request that would wait in vain, or None. max_bytes: of its body."""
    announced = request.headers.get("content-length", "")
    # What announces more than is allowed is refused for that, by whoever reads it.
    size_bytes = min(int(announced) if announced.isdecimal() else 0, max_bytes)
    refused = service.find_refusal(size_bytes, wait_s)
    if refused is None:
        return None
    # A client that asks before it sends its body may never send it: its connection then ends here.
    # Everybody else's body is read past by the server, and kept nowhere.
    asks_first = request.headers.get("expect", "").lower() == "100-continue"
    return refusal_response(refused, {"Connection": "close"} if asks_first else {})


def read_preferences(
    prefer: str | None, *, default_wait_s: float, max_wait_s: float
) -> Preferences:
    """Read a Prefer header. Raises ProblemError, MALFORMED_REQUEST."""
    try:
        return parse_prefer(prefer, default_wait_s=default_wait_s, max_wait_s=max_wait_s)
    except ValueError as error:
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, str(error)) from error


def request_traceparent(request: Request) -> str | None:
    """Give what the request's record on Kafka says of its trace: ours if traced, else theirs."""
    trace = trace_of(request.scope)
    if trace is not None:
        return trace.traceparent
    return parse_traceparent(request.headers.getlist("traceparent"))
