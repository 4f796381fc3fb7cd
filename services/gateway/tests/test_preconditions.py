"""Refused before the body is read, the connection stays in step; seen from a raw socket."""

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka

BIG = b"\xff\xd8\xff" + b"x" * 3_000_000


@asynccontextmanager
async def full(run_gateway):
    """Run a gateway that has taken all it may."""
    async with run_gateway(max_in_flight=1) as client:
        headers = {"Content-Type": "image/jpeg", "Prefer": "respond-async, wait=60"}
        taken = await client.post("/v1/predictions", content=new_jpeg(), headers=headers)
        assert taken.status_code == 202
        yield client


@asynccontextmanager
async def connected(client):
    address = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    async with asyncio.timeout(30):
        yield reader, writer
    writer.close()
    await writer.wait_closed()


async def read_answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
    body = await reader.readexactly(int(fields["content-length"]))
    return int(head.split()[1]), fields, body


def head(*fields, path="/predict"):
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: image/jpeg", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


STATUS = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"5\r\nhello\r\n" * 1_000 + b"0\r\n\r\n"


async def test_the_answer_is_there_before_the_body_and_the_next_request_after_it(run_gateway):
    async with full(run_gateway) as client, connected(client) as (reader, writer):
        for path in ("/predict", "/v1/predictions"):
            writer.write(head(f"Content-Length: {len(BIG)}", path=path))
            status, fields, body = await read_answer(reader)
            assert (status, fields["retry-after"]) == (503, "1")
            assert b'"code":"overloaded"' in body
            writer.write(BIG + STATUS)
            assert (await read_answer(reader))[0] == 200


@pytest.mark.parametrize(
    ("field", "body"),
    [
        (f"Content-Length: {len(BIG)}", BIG),
        ("Content-Length: 3", b"abc"),
        ("Content-Length: 0", b""),
        ("Transfer-Encoding: chunked", CHUNKED),
    ],
)
async def test_pipelined_requests_are_answered_in_turn(run_gateway, field, body):
    async with full(run_gateway) as client, connected(client) as (reader, writer):
        writer.write((head(field) + body + STATUS) * 3)
        found = [(await read_answer(reader))[0] for _ in range(6)]
    assert found == [503, 200] * 3


async def test_who_asks_before_sending_is_told_not_to_and_the_connection_ends(run_gateway):
    async with full(run_gateway) as client, connected(client) as (reader, writer):
        writer.write(head("Content-Length: 10", "Expect: 100-continue"))
        status, fields, _ = await read_answer(reader)
        assert (status, fields["connection"]) == (503, "close")
        assert await reader.read() == b""


async def test_a_common_client_keeps_its_connection(run_gateway):
    limits = httpx.Limits(max_connections=1)
    async with (
        full(run_gateway) as client,
        httpx.AsyncClient(base_url=client.base_url, limits=limits, timeout=30) as one,
    ):
        for _ in range(3):
            files = {"file": ("a.jpeg", BIG, "image/jpeg")}
            refused = await one.post("/predict", files=files)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert (await one.get("/status")).status_code == 200


async def test_what_announces_too_much_is_too_large_and_not_too_busy(run_gateway):
    async with run_gateway(max_in_flight_bytes=9 * 1024 * 1024) as client:
        response = await client.post(
            "/predict", content=b"x" * 10 * 1024 * 1024, headers={"Content-Type": "image/jpeg"}
        )
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


async def test_bodies_that_arrive_count_among_the_bytes_in_flight(run_gateway):
    async with (
        run_gateway(max_in_flight_bytes=4_000_000) as client,
        connected(client) as (first, sender),
        connected(client) as (second, late),
    ):
        # Whoever sends in chunks announces nothing, and may stop half-way.
        sender.write(head("Transfer-Encoding: chunked") + b"%x\r\n" % len(BIG) + BIG)
        async with asyncio.timeout(30):
            while client.gateway.service.report().in_flight_bytes < len(BIG):
                await asyncio.sleep(0.02)
        late.write(head("Transfer-Encoding: chunked") + b"%x\r\n" % len(BIG) + BIG)
        status, fields, body = await read_answer(second)
        assert (status, fields["retry-after"]) == (503, "1")
        assert b'"code":"overloaded"' in body
        late.write(b"\r\n0\r\n\r\n" + STATUS)
        assert (await read_answer(second))[0] == 200
        sender.write(b"\r\n0\r\n\r\n")
        assert (await read_answer(first))[0] == 422
        assert client.gateway.service.report().in_flight_bytes == 0
