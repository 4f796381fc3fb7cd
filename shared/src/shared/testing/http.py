"""HTTP/1.1 for load: raw keep-alive connections that cost little CPU time, and request bytes."""

import asyncio
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class HttpReply:
    """head: the status line and the headers, in lower case."""

    status: int
    head: bytes
    body: bytes

    def number(self, name: bytes) -> int | None:
        """Return the value of a numeric header."""
        return _number(self.head, name)


class HttpConnection(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection, one request at a time, at minimal cost in CPU time."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[HttpReply] | None = None
        self._received = b""

    async def exchange(self, request: bytes) -> HttpReply:
        """Send a whole request and return its reply; connects if necessary. Raises OSError."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, self._host, self._port)
            assert self._transport is not None
        self._received, self._reply = b"", loop.create_future()
        self._transport.write(request)
        try:
            return await self._reply
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Implement asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Implement asyncio.Protocol."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._reply is None or self._reply.done():
            return
        head, body = self._received[: end + 2].lower(), self._received[end + 4 :]
        if len(body) >= (_number(head, b"content-length") or 0):
            if b"\r\nconnection: close\r\n" in head:
                self.close()
            self._reply.set_result(HttpReply(int(head[9:12]), head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Implement asyncio.Protocol."""
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(ConnectionResetError(f"the connection ended: {exc}"))


class HttpPool:
    """Connections to one address, opened when none is idle. limit: maximum number."""

    def __init__(self, url: str, *, limit: int | None = None) -> None:
        self._url, self._limit = url, limit
        self._idle: list[HttpConnection] = []
        self._opened = 0

    async def exchange(self, request: bytes) -> HttpReply:
        """Send on an idle connection or on a new one. Raises OSError."""
        if not self._idle:
            if self._opened == self._limit:
                raise ConnectionRefusedError(f"all {self._limit} connections are in use")
            self._opened += 1
            self._idle.append(HttpConnection(self._url))
        connection = self._idle.pop()
        try:
            return await connection.exchange(request)
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Disconnect what is idle."""
        while self._idle:
            self._idle.pop().close()
            self._opened -= 1


def new_http_request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """Encode a request; its headers include Host."""
    lines = (f"{method} {path} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode() + body


def new_prediction_request(
    image: bytes, host: str, wait_s: float, *, key: str | None = None, prefer: str = ""
) -> bytes:
    """Encode POST /v1/predictions with a bare image. key: the API key, if one is needed."""
    headers = [f"Host: {host}", "Content-Type: image/jpeg", f"Prefer: {prefer}wait={wait_s:g}"]
    headers += [] if key is None else [f"X-API-Key: {key}"]
    return new_http_request("POST", "/v1/predictions", *headers, body=image)


def new_form_request(image: bytes, host: str) -> bytes:
    """Encode POST /predict with one multipart file, as curl does."""
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="i.jpeg"\r\n'
    body = part + b"Content-Type: image/jpeg\r\n\r\n" + image + b"\r\n--x--\r\n"
    form = "Content-Type: multipart/form-data; boundary=x"
    return new_http_request("POST", "/predict", f"Host: {host}", form, body=body)


def _number(head: bytes, name: bytes) -> int | None:
    _, found, rest = head.partition(b"\r\n" + name + b": ")
    return int(rest.split(b"\r\n", 1)[0]) if found else None
