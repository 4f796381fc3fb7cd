"""Connections that cost a measurement as little as Python lets them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

MAX_CONNECTIONS = 800  # a gateway takes 900

Done = Callable[[int, int], None]
"""status, seconds of Retry-After (0: none)."""


class Connection(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection, one request at a time, as cheap as Python lets it be."""

    def __init__(self) -> None:
        self._answer = b""
        self._done: Done | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes, done: Done) -> None:
        """Send a whole request; `done` hears of its answer, or of status 0 if there is none."""
        assert self._transport is not None
        self._done = done
        self._transport.write(request)

    def data_received(self, chunk: bytes) -> None:
        """Collect an answer."""
        self._answer += chunk
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._answer[:end].lower()
        if len(self._answer) - end - 4 >= _number(head, b"content-length"):
            status, retry_s = int(head[9:12]), _number(head, b"retry-after")
            self._answer = b""
            self._finish(status, retry_s)

    def connection_lost(self, _: Exception | None) -> None:
        """Tell who waits that nothing comes."""
        self._finish(0, 0)

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.close()

    @property
    def alive(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def _finish(self, status: int, retry_s: int) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(status, retry_s)


def _number(head: bytes, field_name: bytes) -> int:
    _, found, rest = head.partition(b"\r\n" + field_name + b": ")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


@dataclass
class Pool:
    """Connections to one address, made when none is idle."""

    host: str
    port: int
    idle: list[Connection] = field(default_factory=list)
    made: int = 0

    async def ask(self, request: bytes, done: Done) -> None:
        """Send on an idle connection, or on a new one; status -1 if there are too many."""
        while self.idle:
            connection = self.idle.pop()
            if connection.alive:
                break
        else:
            if self.made >= MAX_CONNECTIONS:
                done(-1, 0)
                return
            self.made += 1
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, self.host, self.port)

        def finish(status: int, retry_s: int) -> None:
            self.idle.append(connection)
            done(status, retry_s)

        connection.ask(request, finish)

    async def answer(self, request: bytes) -> int:
        """Send, and give the status of the answer."""
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def done(status: int, _: int) -> None:
            answered.set_result(status)

        await self.ask(request, done)
        return await answered

    def close(self) -> None:
        """Disconnect what is idle."""
        while self.idle:
            self.idle.pop().close()


def new_request(image: bytes, host: str, wait_s: float) -> bytes:
    """Encode POST /v1/predictions with a bare image."""
    head = (
        f"POST /v1/predictions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(image)}\r\n"
        f"Content-Type: image/jpeg\r\nPrefer: wait={wait_s:g}\r\n\r\n"
    )
    return head.encode() + image
