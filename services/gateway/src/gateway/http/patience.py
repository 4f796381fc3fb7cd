"""How long a request's body may take, in plain ASGI."""

import asyncio
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.limits import BodyPace
from gateway.http.problems import ProblemError
from shared.contracts.errors import ErrorCode


class BodyPatience:
    """Ends a request whose body comes too slowly: 408, and the connection is closed.

    paths: those that have a pace of their own; all others keep to `pace`.
    """

    def __init__(self, app: ASGIApp, pace: BodyPace, paths: Mapping[str, BodyPace]) -> None:
        self._app = app
        self._pace = pace
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its body under watch."""
        if scope["type"] == "http":
            receive = _watched(receive, self._paths.get(scope["path"], self._pace))
        await self._app(scope, receive, send)


def _watched(receive: Receive, pace: BodyPace) -> Receive:
    begun_s = asyncio.get_running_loop().time()
    seen_bytes = 0
    whole = False

    async def watched() -> Message:
        nonlocal seen_bytes, whole
        if whole:
            return await receive()  # whether the client is still there may be asked for ever
        try:
            async with asyncio.timeout_at(begun_s + pace.allowed_s(seen_bytes)):
                message = await receive()
        except TimeoutError as error:
            detail = "The body came too slowly."
            raise ProblemError(ErrorCode.REQUEST_TIMEOUT, detail) from error
        seen_bytes += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        return message

    return watched
