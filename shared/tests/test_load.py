"""The load generator: its loops on clients in this process, its connections on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.testing.http import HttpConnection, HttpPool, new_http_request
from shared.testing.load import (
    Completed,
    ConstantLoad,
    measure_capacity,
    measure_closed_loop,
    run_closed_loop,
    run_open_loop,
    summarise_window,
)

REQUEST = new_http_request("GET", "/", "Host: x")
OK = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"id": "1"}'
REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 22\r\n\r\n"
    b'{"code": "overloaded"}'
)


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve these answers in turn, then the last again; an empty one ends the connection."""
    heads: list[bytes] = []
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader, writer):
        serving.append(asyncio.current_task())
        while not reader.at_eof():
            try:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            answer = answers[min(len(heads), len(answers)) - 1]
            size = int(heads[-1].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(size)
            if not answer:
                break
            writer.write(answer[:30])
            await asyncio.sleep(0)
            writer.write(answer[30:])
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
        await asyncio.gather(*filter(None, serving))


async def test_a_connection_is_kept_and_opened_again_when_it_ended() -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with serving(OK, REFUSED, b"", closing, OK) as (url, heads):
        connection = HttpConnection(url)
        assert (await connection.exchange(REQUEST)).body == b'{"id": "1"}'
        refused = await connection.exchange(REQUEST)
        assert (refused.status, refused.number(b"retry-after")) == (503, 7)
        with pytest.raises(ConnectionResetError):
            await connection.exchange(REQUEST)
        assert (await connection.exchange(REQUEST)).status == 200
        assert (await connection.exchange(REQUEST)).status == 200
        connection.close()
    assert len(heads) == 5


async def test_a_pool_has_a_limit() -> None:
    async with serving(OK) as (url, _):
        pool = HttpPool(url, limit=1)
        waiting = asyncio.create_task(pool.exchange(REQUEST))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError, match="all 1 connections"):
            await pool.exchange(REQUEST)
        assert (await waiting).status == 200
        assert (await pool.exchange(REQUEST)).status == 200
        pool.close()


async def test_capacity_counts_only_successes() -> None:
    async with serving(REFUSED) as (url, _):
        nothing = await measure_capacity(url, [b"x"], clients=2, seconds=0.1, lead_s=0)
    assert nothing == 0
    async with serving(OK) as (url, heads):
        rate = await measure_capacity(url, [b"x"], clients=2, seconds=0.1, lead_s=0, key="k")
    assert rate > 0
    assert b"\r\nX-API-Key: k\r\n" in heads[0]


async def test_a_constant_load_keeps_refusals_apart_and_repeats_broken_requests() -> None:
    async with serving(b"", OK, REFUSED) as (url, heads):
        load = ConstantLoad([url], [b"x"], rate=20, host="gateway", repeat_broken_s=30)
        async with load.running():
            while len(load.answers) < 3:
                await asyncio.sleep(0.01)
    assert load.said["200"] == 1
    assert load.said["503 overloaded"] >= 1
    assert load.said["broken"] == 0
    assert load.repeated == 1
    assert {a.retry_after_s for a in load.answers} == {None, 7}
    assert b"Host: gateway\r\n" in heads[0]


async def test_a_broken_request_is_an_answer_too() -> None:
    async with serving(b"") as (url, _):
        load = ConstantLoad([url], [b"x"], rate=100)
        async with load.running():
            while not load.answers:
                await asyncio.sleep(0.01)
    assert set(load.said) == {"broken"}


def test_only_what_ended_in_the_window_counts() -> None:
    sample = summarise_window([Completed(at, 0.001 * at) for at in range(1, 11)], 3, 9)
    assert sample.requests == 6
    assert (sample.p50_ms, sample.p99_ms) == (5.0, 8.0)


def test_a_window_without_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="no request ended"):
        summarise_window([Completed(1, 1)], 2, 3)


async def test_the_window_opens_when_every_client_has_been_answered() -> None:
    events: list[str] = []
    busy, release = asyncio.Event(), asyncio.Event()

    async def quick(n: int) -> bytes:
        await asyncio.sleep(0)
        if n == 100:
            busy.set()
        return b""

    async def slow(_: int) -> bytes:
        await release.wait()
        await asyncio.sleep(0)
        return b""

    asks = [quick, slow]
    measuring = asyncio.create_task(
        measure_closed_loop(asks, 0.01, lead_s=0, on_event=events.append)
    )
    await busy.wait()
    assert events == []
    release.set()
    sample = await measuring
    assert events == ["begun", "ended"]
    assert sample.requests > 0


async def test_a_client_that_fails_ends_the_measurement() -> None:
    async def failing(_: int) -> bytes:
        raise ConnectionError("gone")

    with pytest.raises(ExceptionGroup) as failure:
        await measure_closed_loop([failing], 0.01)
    assert failure.group_contains(ConnectionError)


async def test_a_closed_loop_ends_after_a_number_of_requests() -> None:
    left = iter([False] * 5 + [True] * 9)

    async def ask(_: int) -> bytes:
        await asyncio.sleep(0)
        return b""

    assert len(await run_closed_loop([ask, ask], lambda: next(left))) == 5


async def test_an_open_loop_sends_without_answers_and_waits_for_every_answer() -> None:
    sent: list[float] = []
    answered: list[int] = []
    enough, release, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def send(number: int, due_s: float) -> None:
        sent.append(due_s)
        if len(sent) == 3:
            enough.set()
        await release.wait()
        answered.append(number)

    running = asyncio.create_task(run_open_loop(send, 1_000, stop))
    await enough.wait()
    assert answered == []
    stop.set()
    release.set()
    await running
    # Their order is the scheduler's.
    assert sorted(answered) == list(range(len(sent)))
    assert [round((due - sent[0]) * 1e3) for due in sent] == sorted(answered)
