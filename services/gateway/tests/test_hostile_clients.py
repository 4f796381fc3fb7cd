"""Clients that mean no good, on raw sockets: bounded, answered in our own form, and let go."""

import asyncio
import itertools
import json
import struct
from contextlib import asynccontextmanager

import pytest

from gateway.core.keys import digest_of
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka

MIB = 1024 * 1024
GIVEAWAYS = (b"Traceback", b"site-packages", b".py", b"/work", b"/root", b"/home", b"/usr")


class Wire:
    """One connection, byte by byte."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    async def send(self, *pieces):
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    def end_sending(self):
        self._writer.write_eof()

    async def rest(self):
        """Everything until the server closes the connection."""
        received = bytearray()
        async with asyncio.timeout(20):
            while True:
                try:
                    piece = await self._reader.read(MIB)
                except ConnectionError:
                    return bytes(received)
                if not piece:
                    return bytes(received)
                received += piece

    async def answer(self):
        """One answer, and nothing after it."""
        async with asyncio.timeout(20):
            head = await self._reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            return head + await self._reader.readexactly(size)


@asynccontextmanager
async def connected(client):
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def told(client, *pieces):
    """Send the pieces and give all that comes back until the connection is closed."""
    async with connected(client) as wire:
        await wire.send(*pieces)
        return await wire.rest()


def status_of(answer):
    return int(answer.split(b" ", 2)[1])


def problem_of(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def head(line, *headers):
    return "\r\n".join([line, "Host: g", *headers, "", ""]).encode()


def a_post(path, body_bytes, *headers):
    return head(f"POST {path} HTTP/1.1", f"Content-Length: {body_bytes}", *headers)


IMAGE = "Content-Type: image/jpeg"


async def test_a_silent_connection_is_closed(run_gateway):
    async with run_gateway(head_timeout_s=0.2) as client:
        assert await told(client) == b""
        assert status_of(await told(client, b"\r\n\r\n\r\n")) == 408


async def test_slow_headers_are_given_up(run_gateway):
    async with run_gateway(head_timeout_s=0.2) as client, connected(client) as wire:
        await wire.send(b"GET /health/live HTTP/1.1\r\nHost: g\r\nX-Slow: ")
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
    "no version": b"GET /\r\n\r\n",
    "http 9": b"GET / HTTP/9.9\r\n\r\n",
    "method": b"FOO /predict HTTP/1.1\r\nHost: g\r\n\r\n",
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
    "connect": b"CONNECT g:80 HTTP/1.1\r\nHost: g\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n",
    "bytes in path": b"GET /v1/models/\xff\xfe HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n",
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


PATHS = (
    "GET /../../etc/passwd",
    "GET /%2e%2e/%2e%2e/etc/passwd",
    "GET /v1/models/..%2f..%2fetc%2fpasswd",
    "GET /v1/models/%00",
    "GET /v1/models/%ff%fe",
    "GET /v1/models/" + "a" * 5_000,
    "GET /v1/predictions/%2e%2e",
    "GET /v1/predictions/' OR 1=1",
    "GET /v1/predictions/00000000-0000-7000-8000-000000000000",
    "GET /v1/predictions/01a21026-db50-722a-9279-0edd37eea32a%0A",
    "GET /v1/jobs/not-an-id",
    "GET /v1/jobs/00000000-0000-7000-8000-00000000000%0a",
    "GET /v1/jobs?limit=-1",
    "GET /v1/jobs?limit=" + "9" * 5_000,
    "GET /v1/jobs?limit=%ff",
    "GET /v1/dataset/images/xyz",
    "DELETE /v1/dataset/images/..",
    "POST /v1/models/%2e%2e/promote",
    "POST /v1/models/rollback?from_version=../../x",
    "GET //predict",
    "GET /predict",
    "PUT /predict",
    "DELETE /status",
    "TRACE /status",
    "PATCH /v1/jobs",
    "POST /health/live",
    "GET http://elsewhere/v1/nothing",
    "GET /docs/../nothing",
)


async def test_odd_paths_and_methods_are_refused_and_nothing_is_given_away(run_gateway):
    async with run_gateway() as client:
        for line in PATHS:
            asked = head(f"{line.replace(' OR ', '%20OR%20')} HTTP/1.1", "Connection: close")
            answer = await told(client, asked)
            assert 400 <= status_of(answer) < 500, (line, answer[:300])
            assert not any(word in answer for word in GIVEAWAYS), (line, answer)


JSON_BODIES = (
    b"[" * 60_000,
    b'{"mode":' * 7_000,
    b'{"seed": ' + b"9" * 50_000 + b"}",
    b'{"seed": 1e999}',
    b'{"seed": NaN}',
    b'{"seed": -1}',
    b'{"mode": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"' + b"k" * 60_000 + b'": 1}',
    b'{"mode": "fast", "mode": null}',
    b"\xff\xfe{}",
    b"null",
    b"[]",
    b'"fast"',
    b"{",
    b"{}{}",
)


async def test_odd_json_is_refused_and_not_echoed(run_gateway):
    async with run_gateway() as client:
        for body in JSON_BODIES:
            refused = await client.post(
                "/v1/jobs", content=body, headers={"Content-Type": "application/json"}
            )
            assert refused.status_code == 400, (body[:40], refused.text[:300])
            assert refused.json()["code"] == "malformed_request"
            assert len(refused.content) < 4096


IDEMPOTENCY_KEYS = (
    ["a", "b"],
    ["a", "a"],
    [""],
    ["k" * 256],
    ["\u00fc".encode("latin-1")],
    ["a\tb"],
)


async def test_an_odd_idempotency_key_is_refused(run_gateway):
    async with run_gateway() as client:
        for keys in IDEMPOTENCY_KEYS:
            headers = [("Idempotency-Key", key) for key in keys]
            refused = await client.post("/v1/jobs", headers=headers)
            assert refused.status_code == 400, keys
            assert "Idempotency-Key" in refused.json()["detail"]


async def test_odd_forms_are_refused(run_gateway, registry):
    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n'
    forms = (
        b"".join(part % (b"f%d" % n) for n in range(40)) + b"--b--\r\n",
        b"--b\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(2_000)) + b"\r\n\r\nx\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + b"n" * 20_000,
        b"--b--\r\n",
        b"",
        b"no form at all",
        part % b"file" + b"--b--\r\n",
    )
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    async with run_gateway(registry.url) as client:
        for path in ("/predict", "/v1/predictions", "/v1/uploads", "/upload-data"):
            for form in forms:
                refused = await client.post(path, content=form, headers=kind)
                assert 400 <= refused.status_code < 500, (path, form[:60], refused.text)
            for odd in ("multipart/form-data", "multipart/form-data; boundary=" + "b" * 9_000):
                refused = await client.post(path, content=b"x", headers={"Content-Type": odd})
                assert refused.status_code == 400, (path, odd[:60], refused.text)


async def test_an_image_of_giant_dimensions_is_refused_by_its_header(run_gateway):
    ihdr = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + ihdr + b"\x00" * 4
    async with run_gateway() as client:
        refused = await client.post("/predict", content=png, headers={"Content-Type": "image/png"})
    assert refused.status_code in {413, 422}, refused.text


def keys_file(path, **bounds):
    entry = {"name": "ward", "sha256": digest_of("pneumo_w"), "scopes": [], "created_at_ms": 0}
    path.write_text(json.dumps({"keys": [entry | bounds]}))
    return path


async def test_a_key_over_its_rate_is_told_when_to_come_back(run_gateway, tmp_path):
    path = keys_file(tmp_path / "keys.json", rate_per_s=0.01, burst=2)
    key = {"X-API-Key": "pneumo_w"}
    async with run_gateway(keys_file=path) as client:
        answers = [await client.get("/status", headers=key) for _ in range(3)]
        assert (await client.get("/health/live", headers=key)).status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == "rate_limited"
    assert 90 <= int(answers[-1].headers["retry-after"]) <= 100


async def test_without_keys_an_address_has_a_rate_if_one_is_set(run_gateway):
    async with run_gateway(rate_per_s=0.01, burst=1) as client:
        async with asyncio.timeout(20):
            while (await client.get("/status")).is_success:
                pass
        refused = await told(client, a_post("/predict", MIB, IMAGE, "Connection: close"))
    assert status_of(refused) == 429  # before its body was there


async def test_a_key_has_so_many_requests_at_once(run_gateway, tmp_path):
    path = keys_file(tmp_path / "keys.json", scopes=["predict"])
    key = "X-API-Key: pneumo_w"
    async with run_gateway(keys_file=path, max_in_flight_per_client=1) as client:
        async with connected(client) as slow:
            await slow.send(a_post("/predict", MIB, IMAGE, key), new_jpeg()[:100])
            async with asyncio.timeout(20):
                while (await client.get("/status", headers=[key.split(": ")])).is_success:
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            while not (await client.get("/status", headers=[key.split(": ")])).is_success:
                await asyncio.sleep(0.01)
