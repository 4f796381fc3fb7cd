"""Routes whose endpoint is called with the request directly, without FastAPI's layers."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias, cast

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.types import Receive, Scope, Send

Endpoint: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
_Handler: TypeAlias = Callable[[Request, Exception], Awaitable[Response]]


class DirectRoute(APIRoute):
    """A documented route without FastAPI's parsing of parameters and bodies.

    For the hot path, whose endpoints read the request themselves: even without dependencies,
    FastAPI's resolution costs as much as parsing the upload. The endpoint's only parameter must
    be the request.
    """

    def get_route_handler(self) -> Endpoint:
        """Return the endpoint itself."""
        endpoint: Endpoint = self.endpoint
        return endpoint


class DirectDispatcher:
    """Calls direct routes in front of the app's layers, and passes all other requests to the app.

    Exceptions of an endpoint go to the app's own handlers. The skipped layers take a sixth of the
    gateway's time for a prediction (docs/performance.md).
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._routes = {
            (method, route.path): route
            for route in (context.original_route for context in iter_route_contexts(app.routes))
            if isinstance(route, DirectRoute) and not route.param_convertors
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request of a direct route, or pass the request on."""
        route = self._routes.get((scope.get("method", ""), scope.get("path", "")))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive, send)
        try:
            response = await route.endpoint(request)
        except Exception as error:  # noqa: BLE001  handled by the app's handlers
            await self._fail(request, error, send)
        else:
            await response(scope, receive, send)

    async def _fail(self, request: Request, error: Exception, send: Send) -> None:
        kind = next(each for each in type(error).__mro__ if each in self._app.exception_handlers)
        handler = cast(_Handler, self._app.exception_handlers[kind])
        response = await handler(request, error)
        await response(request.scope, request.receive, send)
        if kind is Exception:
            raise error  # a bug: the server logs it
