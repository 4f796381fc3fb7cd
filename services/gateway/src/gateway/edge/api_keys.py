"""API keys in front of every route, in plain ASGI: checked before routing and before the body."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.core.keys import (
    Allowed,
    Forbidden,
    KeyRing,
    Unauthenticated,
    decide_access,
    find_secret,
)
from gateway.core.permissions import Absent, Known, Public, WrongMethod, find_route
from gateway.http.formats.problems import UNKNOWN_PATH, problem
from gateway.http.request_identity import API_KEY
from shared.contracts.errors import ErrorCode
from shared.http.connections import KNOWN_CLIENT

_CHALLENGE = 'Bearer realm="pneumostream"'
_CREDENTIALS = (b"authorization", b"x-api-key")


class ApiKeyMiddleware:
    """Passes a request on if its key has the scope that the route requires.

    A path missing from `core/permissions.py` is 404 to a valid key and 401 to any other client.
    The headers that carry a key are removed before the request is passed on.
    """

    def __init__(
        self, app: ASGIApp, keys: Callable[[], KeyRing], now_ms: Callable[[], int]
    ) -> None:
        self._app = app
        self._keys = keys
        self._now_ms = now_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = find_route(scope["method"], scope["path"])
        need = route.need if isinstance(route, Known) else Public.ANY_KEY
        access = decide_access(need, _secret_of(scope), self._keys(), self._now_ms())
        scope[KNOWN_CLIENT] = _is_known(access)
        if not isinstance(route, Absent):
            # For the metrics, also of refused requests.
            scope["route"] = route
        if not isinstance(access, Allowed):
            app = _refusal(access)
        elif isinstance(route, Known):
            app = self._app
            scope[API_KEY] = access.key
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _CREDENTIALS]
        else:
            app = _no_route(route)
        await app(scope, receive, send)


def _is_known(access: Allowed | Unauthenticated | Forbidden) -> bool:
    if isinstance(access, Allowed):
        return access.key is not None
    return isinstance(access, Forbidden)


def _secret_of(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    return find_secret(headers.getlist("authorization"), headers.getlist("x-api-key"))


def _refusal(access: Unauthenticated | Forbidden) -> ASGIApp:
    if isinstance(access, Forbidden):
        detail = f"The API key lacks the scope '{access.scope.value}'."
        return problem(ErrorCode.FORBIDDEN, detail)
    error = ', error="invalid_token"' if access.presented else ""
    detail = (
        "The API key is unknown or has expired."
        if access.presented
        else "Send an API key: Authorization: Bearer, or X-API-Key."
    )
    headers = {"WWW-Authenticate": _CHALLENGE + error}
    return problem(ErrorCode.UNAUTHENTICATED, detail, headers=headers)


def _no_route(route: WrongMethod | Absent) -> ASGIApp:
    if isinstance(route, Absent):
        return problem(ErrorCode.NOT_FOUND, UNKNOWN_PATH)
    headers = {"Allow": ", ".join(route.allowed)}
    return problem(ErrorCode.METHOD_NOT_ALLOWED, "Method Not Allowed", headers=headers)
