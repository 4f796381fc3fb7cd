"""A transport for many concurrent requests to one host."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable

import httpx

_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1)


class SingleConnectionPool(httpx.AsyncBaseTransport):
    """At most `size` connections to one host, each in an httpx pool of its own; last used, first.

    httpx's own pool inspects every connection before and after every request; with 32 connections
    that takes more CPU than the rest of a client's work. A request waits for a free connection.
    """

    def __init__(self, size: int, *, secure: bool) -> None:
        self._verify: ssl.SSLContext | bool = httpx.create_ssl_context() if secure else False
        self._slots = asyncio.Semaphore(size)
        self._all: list[httpx.AsyncHTTPTransport] = []
        self._free: list[httpx.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the connection is free again when the response is read or closed."""
        await self._slots.acquire()
        connection = self._free.pop() if self._free else self._new_connection()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            self._release(connection)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_NotifyingStream(response.stream, lambda: self._release(connection)),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in self._all:
            await connection.aclose()

    def _new_connection(self) -> httpx.AsyncHTTPTransport:
        connection = httpx.AsyncHTTPTransport(verify=self._verify, limits=_ONE)
        self._all.append(connection)
        return connection

    def _release(self, connection: httpx.AsyncHTTPTransport) -> None:
        self._free.append(connection)
        self._slots.release()


class _NotifyingStream(httpx.AsyncByteStream):
    """A response body that calls `on_closed` once."""

    def __init__(self, stream: httpx.AsyncByteStream, on_closed: Callable[[], None]) -> None:
        self._stream = stream
        self._on_closed = on_closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            on_closed, self._on_closed = self._on_closed, lambda: None
            on_closed()
