"""Checks on a prediction request before its body is read, for every protocol."""

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
    """Return the refusal of a request that would miss its deadline. max_bytes: of its body."""
    announced = request.headers.get("content-length", "")
    # A larger Content-Length than allowed is refused as too large, where the body is read.
    size_bytes = min(int(announced) if announced.isdecimal() else 0, max_bytes)
    refused = service.find_refusal(size_bytes, wait_s)
    if refused is None:
        return None
    # With `Expect: 100-continue` the body may never be sent: the connection is closed.
    # Any other body is read and discarded by the server.
    asks_first = request.headers.get("expect", "").lower() == "100-continue"
    return refusal_response(refused, {"Connection": "close"} if asks_first else {})


def read_preferences(
    prefer: str | None, *, default_wait_s: float, max_wait_s: float
) -> Preferences:
    """Parse a Prefer header. Raises ProblemError: MALFORMED_REQUEST."""
    try:
        return parse_prefer(prefer, default_wait_s=default_wait_s, max_wait_s=max_wait_s)
    except ValueError as error:
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, str(error)) from error


def request_traceparent(request: Request) -> str | None:
    """Return the trace context of the request's record: the gateway's own, or else the client's."""
    trace = trace_of(request.scope)
    if trace is not None:
        return trace.traceparent
    return parse_traceparent(request.headers.getlist("traceparent"))
