"""Connections for much at once: a lane has one, and the lane that was used last is used next."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable

import httpx

_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1)


class Lanes(httpx.AsyncBaseTransport):
    """At most `lanes` connections to one host, each in a pool of its own.

    httpx's own pool looks at every connection before and after every request, which at 32 costs
    a client more than all the rest of its work. Who finds no free lane waits for one.
    """

    def __init__(self, lanes: int, *, secure: bool) -> None:
        self._verify: ssl.SSLContext | bool = httpx.create_ssl_context() if secure else False
        self._room = asyncio.Semaphore(lanes)
        self._all: list[httpx.AsyncHTTPTransport] = []
        self._free: list[httpx.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send; the lane is free again when the answer has been read, or given up."""
        await self._room.acquire()
        lane = self._free.pop() if self._free else self._new()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._leave(lane)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Lent(response.stream, lambda: self._leave(lane)),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Disconnect."""
        for lane in self._all:
            await lane.aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        lane = httpx.AsyncHTTPTransport(verify=self._verify, limits=_ONE)
        self._all.append(lane)
        return lane

    def _leave(self, lane: httpx.AsyncHTTPTransport) -> None:
        self._free.append(lane)
        self._room.release()


class _Lent(httpx.AsyncByteStream):
    """A body that tells when it is done with."""

    def __init__(self, stream: httpx.AsyncByteStream, on_closed: Callable[[], None]) -> None:
        self._stream = stream
        self._on_closed = on_closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        """Close it, once."""
        try:
            await self._stream.aclose()
        finally:
            on_closed, self._on_closed = self._on_closed, lambda: None
            on_closed()
