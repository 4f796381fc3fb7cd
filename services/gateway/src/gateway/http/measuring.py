"""Counting and timing requests, in plain ASGI: nothing is buffered, nothing hops a thread."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.timing import STARTED_S

Observe = Callable[[str, str, int, float], None]
"""method, route template, status, seconds."""


class MeasuringMiddleware:
    """Tells `observe` of every HTTP request once its response has begun and ended."""

    def __init__(self, app: ASGIApp, observe: Observe, monotonic_s: Callable[[], float]) -> None:
        self._app = app
        self._observe = observe
        self._monotonic_s = monotonic_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and watch its response go by."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = self._monotonic_s()
        scope[STARTED_S] = started_s
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
            self._observe(scope["method"], route, status, self._monotonic_s() - started_s)
