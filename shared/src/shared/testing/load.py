"""Predictions asked for at a constant rate, whatever becomes of the last ones."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

_BROKEN = "broken"
_REPEAT_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """One request's end, as its client saw it.

    said: "200", or status and code, "503 overloaded"; "broken" where the connection ended first.
    asked_s, took_s: monotonic seconds. retry_after_s: None where the answer names none.
    """

    said: str
    asked_s: float
    took_s: float
    id: str | None = None
    retry_after_s: int | None = None


class RawClient:
    """One keep-alive HTTP/1.1 connection at a time, on sockets: it costs the CPUs little.

    key: the API key, where the gateway wants one. host: the `Host` header, if not the URL's.
    """

    def __init__(self, url: str, *, key: str | None = None, host: str | None = None) -> None:
        address = urlsplit(url)
        self._key = "" if key is None else f"X-API-Key: {key}\r\n"
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._named = host or self._host
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def predict(self, image: bytes, *, wait_s: float) -> Answer:
        """Ask for one prediction; a connection that breaks is an answer, too."""
        asked_s = time.monotonic()
        try:
            status, head, body = await self._post(image, wait_s)
        except (OSError, EOFError, ValueError):
            self.close()
            return Answer(_BROKEN, asked_s, time.monotonic() - asked_s)
        said = str(status) if status < 400 else f"{status} {body.get('code')}"  # noqa: PLR2004
        retry_after = head.get("retry-after")
        return Answer(
            said,
            asked_s,
            time.monotonic() - asked_s,
            body.get("id"),
            None if retry_after is None else int(retry_after),
        )

    def close(self) -> None:
        """Disconnect."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _post(
        self, image: bytes, wait_s: float
    ) -> tuple[int, dict[str, str], dict[str, str]]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        self._writer.write(
            f"POST /v1/predictions HTTP/1.1\r\nHost: {self._named}\r\nContent-Type: image/jpeg\r\n"
            f"{self._key}Prefer: wait={wait_s:g}\r\nContent-Length: {len(image)}\r\n\r\n".encode()
            + image
        )
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        head = dict(line.lower().split(": ", 1) for line in lines[1:-2])
        body = json.loads(await self._reader.readexactly(int(head["content-length"])))
        if head.get("connection") == "close":
            self.close()
        return int(lines[0].split()[1]), head, body


@dataclass
class Load:
    """`rate` requests a second over these gateways in turn, `wait_s` each; answers in `answers`.

    repeat_broken_s: for so long after its start, seconds, a request whose connection broke is sent
    again, as a load balancer or an ingress controller does; `repeated` counts how often. 0: never.
    """

    urls: Sequence[str]
    images: Sequence[bytes]
    rate: float = 40.0
    wait_s: float = 40.0
    host: str | None = None
    repeat_broken_s: float = 0.0
    answers: list[Answer] = field(default_factory=list)
    repeated: int = 0
    _idle: dict[str, list[RawClient]] = field(default_factory=dict)

    @property
    def said(self) -> Counter[str]:
        """How often each kind of answer came."""
        return Counter(answer.said for answer in self.answers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """Ask throughout the block; after it, wait until all that was asked has ended."""
        asking = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _run(self) -> None:
        under_way: set[asyncio.Task[None]] = set()
        next_s = time.monotonic()
        try:
            for n in range(10**9):
                url, image = self.urls[n % len(self.urls)], self.images[n % len(self.images)]
                one = asyncio.create_task(self._ask(url, image))
                under_way.add(one)
                one.add_done_callback(under_way.discard)
                next_s += 1 / self.rate
                await asyncio.sleep(max(0.0, next_s - time.monotonic()))
        finally:
            await asyncio.gather(*under_way)
            for client in (c for clients in self._idle.values() for c in clients):
                client.close()

    async def _ask(self, url: str, image: bytes) -> None:
        idle = self._idle.setdefault(url, [])
        client = idle.pop() if idle else RawClient(url, host=self.host)
        answer = await client.predict(image, wait_s=self.wait_s)
        asked_s = answer.asked_s
        while answer.said == _BROKEN and time.monotonic() < asked_s + self.repeat_broken_s:
            self.repeated += 1
            await asyncio.sleep(_REPEAT_PAUSE_S)
            answer = await client.predict(image, wait_s=self.wait_s)
        took_s = answer.asked_s + answer.took_s - asked_s
        self.answers.append(replace(answer, asked_s=asked_s, took_s=took_s))
        idle.append(client)
