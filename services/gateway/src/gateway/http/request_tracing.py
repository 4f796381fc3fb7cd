"""The HTTP spans of a prediction's trace; the span of its record is the publisher's.

Names and attributes: OpenTelemetry's for HTTP servers, beside some of our own (pneumo.*).
https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
"""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Scope

from gateway.core.permissions import Known, find_route
from gateway.ports import Outcome
from shared.contracts.predict import Failed, Succeeded
from shared.observability.traceparent import parse_traceparent
from shared.observability.tracing import NS_PER_MS, Span, Tracer

TRACE = "pneumo.trace"
"""Name of the request's trace in its ASGI scope; None without a trace."""

_TRACED = frozenset({"/predict", "/v1/predictions"})
_INFER = frozenset({"/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"})
_SERVER_ERROR = 500


class RequestTrace:
    """The span of one HTTP request, and the stages that the gateway knows."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span

    @property
    def traceparent(self) -> str:
        """What makes another span a child of this request."""
        return self._span.traceparent

    @property
    def trace_id(self) -> str | None:
        """None if the trace is not sampled."""
        return self._span.trace_id

    def answered(self, outcome: Outcome, stages_ms: Mapping[str, float]) -> None:
        """Record the outcome. stages_ms: from the start of the request until now."""
        if self.trace_id is None:
            return
        self._span.note(_about(outcome))
        start_ns = self._span.started_ns
        end_ns = start_ns + int(sum(stages_ms.values()) * NS_PER_MS)
        self._stage("admit", start_ns, start_ns + int(stages_ms["admit"] * NS_PER_MS))
        self._stage("reply", end_ns - int(stages_ms["reply"] * NS_PER_MS), end_ns)

    def end(self, status: int) -> None:
        """End the span with the response. A refusal is the client's fault, not a server error."""
        self._span.note({"http.response.status_code": status})
        self._span.end(error=str(status) if status >= _SERVER_ERROR else None)

    def _stage(self, name: str, start_ns: int, end_ns: int) -> None:
        span = self._tracer.start(name, "internal", parent=self.traceparent, at_ns=start_ns)
        span.end(at_ns=end_ns)


def begin_trace(tracer: Tracer, scope: Scope) -> RequestTrace | None:
    """Begin a prediction's trace, or continue its caller's; None for any other request."""
    path: str = scope["path"]
    route = _traced_route(path) if scope["method"] == "POST" else None
    if route is None:
        return None
    span = tracer.start(
        f"POST {route}",
        "server",
        parent=parse_traceparent(Headers(scope=scope).getlist("traceparent")),
        attributes={
            "http.request.method": "POST",
            "http.route": route,
            "url.path": path,
            "url.scheme": scope["scheme"],
        },
    )
    return RequestTrace(tracer, span)


def _traced_route(path: str) -> str | None:
    if path in _TRACED:
        return path
    found = find_route("POST", path)
    return found.path if isinstance(found, Known) and found.path in _INFER else None


def trace_of(scope: Scope) -> RequestTrace | None:
    """Return the request's trace, if it has one."""
    trace: RequestTrace | None = scope.get(TRACE)
    return trace


def _about(outcome: Outcome) -> dict[str, str | int | float]:
    about: dict[str, str | int | float] = {
        "pneumo.prediction.id": outcome.id,
        "pneumo.outcome": outcome.status,
    }
    if isinstance(outcome, Succeeded):
        about |= {
            "pneumo.model.name": outcome.model.name,
            "pneumo.model.version": outcome.model.version,
        }
    if isinstance(outcome, Failed):
        about["pneumo.code"] = outcome.code
    return about
