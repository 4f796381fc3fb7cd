"""Refuse what a foreign web page makes a browser send, in plain ASGI, before any route."""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.browser_policy import BrowserPolicy, RequestSource, find_browser_refusal
from shared.http.problems import ProblemResponse


class BrowserGuard:
    """Answers 403 to a request for a foreign Host, and to a change from a foreign origin."""

    def __init__(self, app: ASGIApp, policy: BrowserPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refused = self._refusal(scope) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        source = RequestSource()
        for name, value in scope["headers"]:
            if name == b"host":
                source.hosts.append(value.decode("latin-1"))
            elif name == b"origin":
                source.origins.append(value.decode("latin-1"))
            elif name == b"sec-fetch-site":
                source.fetch_sites.append(value.decode("latin-1"))
        refused = find_browser_refusal(self._policy, scope["method"], source)
        if refused is None:
            return None
        return ProblemResponse(HTTPStatus.FORBIDDEN, refused.code.value, refused.detail)
