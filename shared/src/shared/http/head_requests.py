"""HEAD as GET without a body (RFC 9110, 9.3.2), in plain ASGI, for every route of a service.

FastAPI answers HEAD with 405, so load balancers and monitors that probe with it see the service
down.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Passes HEAD on as GET; the response keeps its status and headers, and loses its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        is_complete = False

        async def send_head(message: Message) -> None:
            nonlocal is_complete
            if message["type"] != "http.response.body":
                await send(message)
            elif not is_complete:
                # At the first piece: a stream of events has no last one.
                is_complete = True
                await send({"type": "http.response.body", "body": b""})

        # A copy: the server looks at the method of its own scope.
        await self._app({**scope, "method": "GET"}, receive, send_head)
