"""One client's slow uploads leave room for those of the others."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256

import httpx
import pytest

from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka

SLOW, HONEST = "pneumo_slow", "pneumo_honest"


def key_of(name, secret):
    digest = sha256(secret.encode()).hexdigest()
    return {"name": name, "sha256": digest, "scopes": ["upload"], "created_at_ms": 1}


@pytest.fixture
def gateway(run_keyed_gateway):
    with run_keyed_gateway([key_of("slow", SLOW), key_of("honest", HONEST)]) as gateway:
        yield gateway


@asynccontextmanager
async def a_slow_upload(gateway):
    """Begin an upload of 100 bytes, send four, and keep the connection."""
    host, port = gateway.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /v1/uploads HTTP/1.1\r\nHost: {gateway.address}\r\nContent-Length: 100\r\n"
        f"Content-Type: application/zip\r\nX-API-Key: {SLOW}\r\n\r\nPK\x03\x04"
    )
    writer.write(head.encode("latin-1"))
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()


async def test_eight_slow_uploads_of_one_key_do_not_shut_out_another(gateway):
    async with AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(a_slow_upload(gateway)) for _ in range(8)]
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=gateway.url, timeout=60)
        )
        # Their heads were sent before: four are refused once they are read.
        refused = [await each.readuntil(b"\r\n\r\n") for each in slow[4:]]
        answered = await client.post(
            "/v1/uploads",
            data={"label": "NORMAL"},
            files=[("files", ("a.jpeg", new_jpeg(), "image/jpeg"))],
            headers={"X-API-Key": HONEST},
        )
    # It had a slot: only the registry, which checks its label and is not running, is missing.
    assert answered.json()["code"] == "registry_unavailable", answered.text
    assert all(b" 429 " in head and b"retry-after: 1" in head.lower() for head in refused)
