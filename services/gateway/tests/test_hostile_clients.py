"""Clients that mean no good, on raw sockets: bounded, answered in our own form, and let go."""

import asyncio
import itertools

import pytest

from shared.testing.wire import GIVEAWAYS, a_post, connected, head, problem_of, status_of, told

pytestmark = pytest.mark.kafka

MIB = 1024 * 1024
IMAGE = "Content-Type: image/jpeg"


async def test_a_silent_connection_is_closed(run_gateway):
    async with run_gateway(head_timeout_s=0.2) as client:
        assert await told(client) == b""
        assert status_of(await told(client, b"\r\n\r\n\r\n")) == 408


async def test_slow_headers_are_given_up(run_gateway):
    async with run_gateway(head_timeout_s=0.2) as client, connected(client) as wire:
        await wire.send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        answer = await wire.rest()
    assert status_of(answer) == 408
    assert problem_of(answer)["code"] == "request_timeout"


async def test_slow_headers_of_a_second_request_are_given_up_too(run_gateway):
    async with run_gateway(head_timeout_s=0.2) as client, connected(client) as wire:
        await wire.send(head("GET /health/live HTTP/1.1"))
        assert status_of(await wire.answer()) == 200
        await wire.send(b"GET /health/live HT")
        assert status_of(await wire.rest()) == 408


HEADS = (
    [b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000],
    [b"GET / HTTP/1.1\r\nX: ", *[b"a" * 5_000] * 8],
    [b"GET /" + b"a" * 40_000],
    [b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n"],
    [b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(101)) + b"\r\n"],
)


async def test_too_much_of_a_head_is_refused(run_gateway):
    async with run_gateway(head_timeout_s=60) as client:
        for pieces in HEADS:
            answer = await told(client, *pieces)
            assert status_of(answer) == 400, pieces[0][:40]
            assert problem_of(answer)["code"] == "malformed_request"


async def test_a_hundred_headers_are_taken(run_gateway):
    async with run_gateway() as client:
        answer = await told(
            client,
            head(
                "GET /health/live HTTP/1.1", "Connection: close", *[f"X-{n}: 1" for n in range(98)]
            ),
        )
    assert status_of(answer) == 200


async def test_a_body_that_does_not_come_is_given_up(run_gateway):
    async with run_gateway(body_grace_s=0.2) as client:
        for path in ("/predict", "/v1/predictions", "/v1/uploads", "/v1/jobs"):
            kind = "application/zip" if "uploads" in path else "image/jpeg"
            answer = await told(client, a_post(path, 100, f"Content-Type: {kind}"), b"x")
            assert status_of(answer) == 408, path
            assert b"connection: close" in answer.lower()
            assert problem_of(answer)["code"] == "request_timeout"
        assert client.gateway.service.predictions == 0


async def test_a_body_that_trickles_is_given_up(run_gateway):
    async with (
        run_gateway(body_grace_s=0.2, min_body_bytes_per_s=1000) as client,
        connected(client) as wire,
    ):
        await wire.send(a_post("/v1/uploads", MIB, "Content-Type: application/zip"))
        answering = asyncio.create_task(wire.rest())
        while not answering.done():
            await wire.send(b"x")
            await asyncio.sleep(0.02)
        assert status_of(await answering) == 408


async def test_an_answer_before_the_body_does_not_leave_the_connection_hanging(
    run_gateway, tmp_path
):
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    async with run_gateway(keys_file=keys, head_timeout_s=0.2) as client:
        answer = await told(client, a_post("/predict", MIB, IMAGE), b"x" * 1000)
    assert status_of(answer) == 401


async def test_a_half_closed_upload_frees_what_it_held(run_gateway, registry):
    async with run_gateway(registry.url, max_uploads=1) as client:
        async with connected(client) as wire:
            await wire.send(a_post("/v1/uploads", MIB, "Content-Type: application/zip"), b"PK" * 9)
            wire.end_sending()
            assert b"HTTP/1.1 5" not in await wire.rest()
        # The one place is free again: refused for what it is, not for want of room.
        again = await client.post(
            "/v1/uploads", content=b"PK", headers={"Content-Type": "application/zip"}
        )
    assert again.status_code == 422


async def test_one_connection_too_many_is_told_so_and_the_next_is_taken(run_gateway):
    async with run_gateway(max_connections=3) as client:
        await client.get("/health/live")  # the client's own, kept alive
        async with connected(client) as first, connected(client):
            refused = await told(client)
            assert status_of(refused) == 503
            assert problem_of(refused)["code"] == "overloaded"
            await first.send(head("GET /health/live HTTP/1.1", "Connection: close"))
            assert status_of(await first.rest()) == 200
            async with connected(client) as next_:
                await next_.send(head("GET /health/live HTTP/1.1"))
                assert status_of(await next_.answer()) == 200


async def test_a_client_that_does_not_read_is_dropped(run_gateway):
    ask = head("GET /openapi.json HTTP/1.1")
    async with run_gateway(stall_timeout_s=0.2) as client, connected(client) as wire:
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(wire.send(*itertools.repeat(ask, 10**6)), 60)
        assert (await client.get("/health/live")).status_code == 200


NO_HTTP = {
    "noise": b"\x00\xff\x16\x03\x01 garbage\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "no version": b"GET /nothing\r\n\r\n",
    "http 9": b"GET / HTTP/9.9\r\n\r\n",
    "method": b"FOO /predict HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "header without name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "header with space": b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
    "null": b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
    "length and chunks": head(
        "POST /predict HTTP/1.1", "Content-Length: 4", "Transfer-Encoding: chunked"
    )
    + b"0\r\n\r\n",
    "two lengths": head("POST /predict HTTP/1.1", "Content-Length: 4", "Content-Length: 5"),
    "negative length": head("POST /predict HTTP/1.1", "Content-Length: -1"),
    "huge length": head("POST /predict HTTP/1.1", "Content-Length: " + "9" * 30),
    "length in words": head("POST /predict HTTP/1.1", "Content-Length: four"),
    "connect": b"CONNECT g:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "bytes in path": b"GET /v1/models/\xff\xfe HTTP/1.1\r\nConnection: close\r\n\r\n",
    "bad chunk": head("POST /predict HTTP/1.1", IMAGE, "Transfer-Encoding: chunked")
    + b"zz\r\n\r\n",
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


async def test_what_is_no_http_is_refused_and_nothing_is_given_away(run_gateway):
    async with run_gateway(head_timeout_s=0.5, body_grace_s=0.5) as client:
        for name, sent in NO_HTTP.items():
            answer = await told(client, sent)
            assert 400 <= status_of(answer) < 500, (name, answer)
            assert not any(word in answer for word in GIVEAWAYS), (name, answer)
        assert (await client.get("/health/live")).status_code == 200


async def test_an_upgrade_is_not_taken_up(run_gateway):
    async with run_gateway(head_timeout_s=0.5) as client, connected(client) as wire:
        upgrade = ("Connection: upgrade", "Upgrade: websocket")
        await wire.send(head("GET /health/live HTTP/1.1", *upgrade), b"\x81\x05hello")
        assert status_of(await wire.answer()) == 200
