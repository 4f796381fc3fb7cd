"""HTTP/1.1 byte by byte, for clients that no library would be."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

_FOLDERS = (Path(__file__).parents[4], Path(sys.prefix), Path.home(), Path(tempfile.gettempdir()))
GIVEAWAYS = (
    *(b"Traceback", b"site-packages", b".py", b"/root", b"/home", b"/usr"),
    *(str(folder).encode() for folder in _FOLDERS),
)
"""What no answer may hold: it would tell of the machine, and of where on it this code runs."""

_MIB = 1024 * 1024
_TIMEOUT_S = 20


class Wire:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, *pieces: bytes) -> None:
        """Send one piece after the other, each once the one before has left."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    def end_sending(self) -> None:
        """Close our half; answers may still come."""
        self._writer.write_eof()

    async def rest(self) -> bytes:
        """Give everything until the server closes the connection."""
        received = bytearray()
        async with asyncio.timeout(_TIMEOUT_S):
            while True:
                try:
                    piece = await self._reader.read(_MIB)
                except ConnectionError:
                    return bytes(received)
                if not piece:
                    return bytes(received)
                received += piece

    async def answer(self) -> bytes:
        """Give one answer, head and body, and nothing after it."""
        async with asyncio.timeout(_TIMEOUT_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            return head + await self._reader.readexactly(size)


@asynccontextmanager
async def connected(client: httpx.AsyncClient) -> AsyncIterator[Wire]:
    """Connect, as long as the block lasts, to the server that this client asks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def told(client: httpx.AsyncClient, *pieces: bytes) -> bytes:
    """Send the pieces and give all that comes back until the connection is closed."""
    async with connected(client) as wire:
        await wire.send(*pieces)
        return await wire.rest()


def status_of(answer: bytes) -> int:
    """Give the status of an answer."""
    return int(answer.split(b" ", 2)[1])


def problem_of(answer: bytes) -> Any:
    """Give the JSON in the body of an answer."""
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def head(line: str, *headers: str) -> bytes:
    """Make a whole head of a request."""
    return "\r\n".join([line, "Host: localhost", *headers, "", ""]).encode()


def a_post(path: str, body_bytes: int, *headers: str) -> bytes:
    """Make the head of a POST that announces so many bytes."""
    return head(f"POST {path} HTTP/1.1", f"Content-Length: {body_bytes}", *headers)
