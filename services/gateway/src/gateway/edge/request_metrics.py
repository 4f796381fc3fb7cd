"""Request ids, counts and durations, in plain ASGI: no buffering and no thread switch."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.answer_timing import STARTED_S
from gateway.http.request_tracing import TRACE, begin_trace
from shared.http.problems import PROBLEM_CODE
from shared.observability.tracing import Tracer

_log = structlog.get_logger(__name__)

Observe = Callable[[str, str, int, float, str | None], None]
"""method, route template, status, seconds, id of the trace if it is sampled."""

NoteProblem = Callable[[str, int, str], None]
"""code, status, route template of a problem response."""


def _pass_over(_code: str, _status: int, _route: str) -> None:
    """Remember nothing."""


class RequestMetricsMiddleware:
    """Reports every HTTP request to `observe` when its response is complete.

    Binds a `request_id` for its log lines, which a prediction's own id replaces later.
    tracer: for the spans of predictions; None without traces.
    """

    def __init__(
        self,
        app: ASGIApp,
        observe: Observe,
        monotonic_s: Callable[[], float],
        new_id: Callable[[], str],
        tracer: Tracer | None = None,
        *,
        note_problem: NoteProblem = _pass_over,
    ) -> None:
        self._app = app
        self._observe = observe
        self._monotonic_s = monotonic_s
        self._new_id = new_id
        self._tracer = tracer
        self._note_problem = note_problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and record the status of its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Never unbound: the task is the request's own, and uvicorn logs a bug after this returns.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=self._new_id())
        started_s = self._monotonic_s()
        scope[STARTED_S] = started_s
        trace = None if self._tracer is None else begin_trace(self._tracer, scope)
        scope[TRACE] = trace
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            # The template, not the path: ids must not become label values.
            route = getattr(scope.get("route"), "path", "unmatched")
            seconds = self._monotonic_s() - started_s
            if trace is not None:
                trace.end(status)
            trace_id = None if trace is None else trace.trace_id
            self._observe(scope["method"], route, status, seconds, trace_id)
            if (code := scope.get(PROBLEM_CODE)) is not None:
                self._note_problem(code, status, route)
            # Refusals are counted; under overload a line for each would cost more than the refusal.
            unforeseen = status == HTTPStatus.INTERNAL_SERVER_ERROR
            log = _log.warning if unforeseen else _log.debug
            log("request answered", route=route, status=status)
