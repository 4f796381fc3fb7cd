"""Running an ASGI app inside a service's own lifetime."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from shared.http.connections import new_connections
from shared.http.head_requests import HeadRequests
from shared.http.limits import ConnectionLimits


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process, which has more to stop than HTTP."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Any,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    http: type[asyncio.Protocol] | None = None,
) -> None:
    """Answer HTTP on host:port until `stop` is set; open requests get 5 s to finish.

    HEAD is answered as GET is, without a body.

    http: the class of its connections; None: bounded as ConnectionLimits says.
    Raises SystemExit if the address cannot be bound (uvicorn says why on stderr).
    """
    config = uvicorn.Config(
        HeadRequests(app),
        host=host,
        port=port,
        http=http or new_connections(ConnectionLimits()),
        ws="none",
        proxy_headers=False,  # no client may say that it is another one
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=16 * 1024,
    )
    server = _Server(config)

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(watch())
        await server.serve()
        watcher.cancel()
