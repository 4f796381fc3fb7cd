"""A minimum transfer rate and a time limit for request bodies, in plain ASGI."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.formats.problems import ProblemError
from shared.contracts.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class MinTransferRate:
    """grace_s: time before the rate applies. timeout_s: maximum time for the whole body."""

    grace_s: float
    bytes_per_s: float
    timeout_s: float

    def allowed_s(self, seen_bytes: int) -> float:
        """Return the seconds, from the start, within which more than `seen_bytes` must arrive."""
        return min(self.timeout_s, self.grace_s + seen_bytes / self.bytes_per_s)


class SlowBodyMiddleware:
    """Answers 408 and closes the connection when a request body arrives too slowly.

    paths: paths with a rate of their own; all others use `rate`.
    """

    def __init__(
        self, app: ASGIApp, rate: MinTransferRate, paths: Mapping[str, MinTransferRate]
    ) -> None:
        self._app = app
        self._rate = rate
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body's arrival timed."""
        if scope["type"] == "http":
            receive = _timed_receive(receive, self._paths.get(scope["path"], self._rate))
        await self._app(scope, receive, send)


def _timed_receive(receive: Receive, rate: MinTransferRate) -> Receive:
    begun_s = asyncio.get_running_loop().time()
    seen_bytes = 0
    is_complete = False

    async def timed_receive() -> Message:
        nonlocal seen_bytes, is_complete
        if is_complete:
            return await receive()  # a wait for the client's disconnect has no time limit
        try:
            async with asyncio.timeout_at(begun_s + rate.allowed_s(seen_bytes)):
                message = await receive()
        except TimeoutError as error:
            detail = "The request body arrived too slowly."
            raise ProblemError(ErrorCode.REQUEST_TIMEOUT, detail) from error
        seen_bytes += len(message.get("body", b""))
        is_complete = not message.get("more_body", False)
        return message

    return timed_receive
