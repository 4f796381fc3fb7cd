"""The Open Inference Protocol's `error` member in every problem under /v2, in plain ASGI."""

import orjson
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import MEDIA_TYPE

_ROOT = "/v2"


class OpenInferenceErrorMiddleware:
    """Adds `error`, the only member that the protocol defines, to every problem under /v2.

    Keys, rates and routes then need a single form of problem.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; amend the response if it is a problem."""
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{_ROOT}/"):
            send = _amending(send)
        await self._app(scope, receive, send)


def _amending(send: Send) -> Send:
    held: Message | None = None
    body = bytearray()

    async def amended(message: Message) -> None:
        nonlocal held
        if message["type"] == "http.response.start" and _is_problem(message):
            held = message
        elif held is None:
            await send(message)
        else:
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                document = orjson.loads(body)
                whole = orjson.dumps({"error": document["detail"], **document})
                MutableHeaders(scope=held)["content-length"] = str(len(whole))
                await send(held)
                await send({"type": "http.response.body", "body": whole})

    return amended


def _is_problem(start: Message) -> bool:
    return MutableHeaders(scope=start).get("content-type", "") == MEDIA_TYPE
