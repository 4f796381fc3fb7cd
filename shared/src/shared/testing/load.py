"""The load generator: a closed loop, an open loop, and predictions at a constant rate."""

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from urllib.parse import urlsplit

from shared.testing.http import HttpPool, new_prediction_request

BROKEN = "broken"
LEAD_S = 0.2
"""Minimum time under load before a closed loop counts."""

_REPEAT_PAUSE_S = 0.2
_CLOSED_LOOP_TIMEOUT_S = 120.0
_IMAGE_STRIDE = 7
_CAPACITY_WAIT_S = 30.0

Ask = Callable[[int], Awaitable[object]]
"""Sends the n-th request and returns its result; None is not counted."""


@dataclass(frozen=True, slots=True)
class Completed:
    """One counted request of a closed loop: when it ended, and how long it took, seconds."""

    at_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class LatencySample:
    """Requests that ended within a window."""

    requests: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


async def run_closed_loop(asks: Sequence[Ask], is_over: Callable[[], bool]) -> list[Completed]:
    """Let each client send its next request as soon as the last one ended, until `is_over`.

    Raises ExceptionGroup with whatever a client raised.
    """
    completed: list[Completed] = []

    async def run_client(first: int, ask: Ask) -> None:
        for n in count(first):
            if is_over():
                return
            started_s = time.perf_counter()
            if await ask(n) is not None:
                now_s = time.perf_counter()
                completed.append(Completed(now_s, now_s - started_s))

    async with asyncio.TaskGroup() as tasks:
        for number, ask in enumerate(asks):  # each client starts with another image
            tasks.create_task(run_client(number * _IMAGE_STRIDE, ask))
    return completed


async def measure_closed_loop(
    asks: Sequence[Ask],
    seconds: float,
    *,
    lead_s: float = LEAD_S,
    on_event: Callable[[str], None] = lambda _: None,
) -> LatencySample:
    """Run a closed loop; measure `seconds` once every client had a reply and `lead_s` passed.

    on_event: called with "begun" and "ended" as the window opens and closes. Raises TimeoutError
    if clients get no reply, ValueError if nothing ended in the window, and ExceptionGroup.
    """
    stop, firsts = asyncio.Event(), [asyncio.Event() for _ in asks]

    def noting(ask: Ask, first: asyncio.Event) -> Ask:
        async def ask_and_note(n: int) -> object:
            result = await ask(n)
            first.set()
            return result

        return ask_and_note

    async def watch() -> tuple[float, float]:
        await asyncio.gather(asyncio.sleep(lead_s), *(first.wait() for first in firsts))
        on_event("begun")
        begun_s = time.perf_counter()
        await asyncio.sleep(seconds)
        ended_s = time.perf_counter()
        on_event("ended")
        stop.set()
        return begun_s, ended_s

    async with asyncio.timeout(_CLOSED_LOOP_TIMEOUT_S), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        noted = [noting(*pair) for pair in zip(asks, firsts, strict=True)]
        loop = tasks.create_task(run_closed_loop(noted, stop.is_set))
    return summarise_window(loop.result(), *watching.result())


def summarise_window(
    completed: Sequence[Completed], begun_s: float, ended_s: float
) -> LatencySample:
    """Summarise what ended in the window. Raises ValueError if nothing did."""
    spans = sorted(one.seconds * 1e3 for one in completed if begun_s <= one.at_s < ended_s)
    if not spans:
        raise ValueError("no request ended in the window: take more seconds")
    p50, p95, p99 = (round(percentile(spans, share), 3) for share in (0.5, 0.95, 0.99))
    return LatencySample(len(spans), round(ended_s - begun_s, 4), p50, p95, p99)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed.

    ordered: ascending and not empty.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def measure_capacity(
    url: str,
    images: Sequence[bytes],
    *,
    clients: int,
    seconds: float,
    lead_s: float,
    key: str | None = None,
) -> float:
    """Return the predictions per second of clients that never pause; 0 if none was answered."""
    pool, host = HttpPool(url), urlsplit(url).hostname or ""
    requests = [new_prediction_request(i, host, _CAPACITY_WAIT_S, key=key) for i in images]

    async def ask(n: int) -> LoadAnswer | None:
        answer = await ask_prediction(pool, requests[n % len(requests)])
        return answer if answer.said == "200" else None

    try:
        return (await measure_closed_loop([ask] * clients, seconds, lead_s=lead_s)).rate
    except ValueError:
        return 0.0
    finally:
        pool.close()


async def run_open_loop(
    send: Callable[[int, float], Awaitable[None]], rate: float, stop: asyncio.Event
) -> None:
    """Call `send(number, due_s)` `rate` times a second, however long earlier calls take.

    due_s: monotonic seconds. Returns when `stop` is set and every call has returned.
    """
    begun_s = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in count():
            due_s = begun_s + number / rate
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if stop.is_set():
                return
            tasks.create_task(_awaited(send(number, due_s)))


@dataclass(frozen=True, slots=True)
class LoadAnswer:
    """One prediction's end, as its client saw it.

    said: "200", or status and code, "503 overloaded"; "broken" where the connection ended first.
    asked_s, took_s: monotonic seconds. retry_after_s: None where the answer names none.
    """

    said: str
    asked_s: float
    took_s: float
    id: str | None = None
    retry_after_s: int | None = None


async def ask_prediction(pool: HttpPool, request: bytes) -> LoadAnswer:
    """Send one request for a prediction; a connection that breaks is an answer, too."""
    asked_s = time.monotonic()
    try:
        reply = await pool.exchange(request)
        body = json.loads(reply.body)
    except (OSError, ValueError):
        return LoadAnswer(BROKEN, asked_s, time.monotonic() - asked_s)
    is_error = reply.status >= 400  # noqa: PLR2004
    said = f"{reply.status} {body.get('code')}" if is_error else str(reply.status)
    took_s = time.monotonic() - asked_s
    return LoadAnswer(said, asked_s, took_s, body.get("id"), reply.number(b"retry-after"))


@dataclass
class ConstantLoad:
    """`rate` predictions a second from these gateways in turn, `wait_s` each; see `answers`.

    host: the `Host` header, if not the URL's. repeat_broken_s: for so long after its start,
    seconds, a request whose connection broke is sent again, as a load balancer or an ingress
    controller does; `repeated` counts how often.
    """

    urls: Sequence[str]
    images: Sequence[bytes]
    rate: float = 40.0
    wait_s: float = 40.0
    host: str | None = None
    repeat_broken_s: float = 0.0
    answers: list[LoadAnswer] = field(default_factory=list)
    repeated: int = 0
    _pools: dict[str, HttpPool] = field(default_factory=dict)

    @property
    def said(self) -> Counter[str]:
        """How often each kind of answer came."""
        return Counter(answer.said for answer in self.answers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ConstantLoad"]:
        """Send throughout the block; after it, wait until every request has ended."""
        stop = asyncio.Event()
        sending = asyncio.create_task(run_open_loop(self._send, self.rate, stop))
        try:
            yield self
        finally:
            stop.set()
            await sending
            for pool in self._pools.values():
                pool.close()

    async def _send(self, number: int, _: float) -> None:
        url = self.urls[number % len(self.urls)]
        pool = self._pools.setdefault(url, HttpPool(url))
        host = self.host or urlsplit(url).hostname or ""
        request = new_prediction_request(self.images[number % len(self.images)], host, self.wait_s)
        answer = await ask_prediction(pool, request)
        asked_s = answer.asked_s
        while answer.said == BROKEN and time.monotonic() < asked_s + self.repeat_broken_s:
            self.repeated += 1
            await asyncio.sleep(_REPEAT_PAUSE_S)
            answer = await ask_prediction(pool, request)
        took_s = answer.asked_s + answer.took_s - asked_s
        self.answers.append(replace(answer, asked_s=asked_s, took_s=took_s))


async def _awaited(call: Awaitable[None]) -> None:
    await call
