"""Requests that are sent one behind the other and whose answers nobody reads."""

import asyncio
import socket
from contextlib import suppress

import httpx
import psutil
import pytest

pytestmark = pytest.mark.kafka

CONNECTIONS = 100
REQUESTS = b"GET /v2 HTTP/1.1\r\nh:a\r\n\r\n" * 10_240  # 256 kB: one read of the server
MAX_RSS_BYTES = 250 * 1024 * 1024
TIMEOUT_S = 90


@pytest.fixture
def keyed_gateway(run_keyed_gateway):
    """Run a gateway that asks for keys; no client here has one."""
    with run_keyed_gateway() as gateway:
        yield gateway


def host_and_port(gateway):
    host, _, port = gateway.address.partition(":")
    return host, int(port)


async def sent_and_unread(gateway):
    """Send all requests on one connection and read nothing; the socket, still open."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setblocking(False)
    await loop.sock_connect(client, host_and_port(gateway))
    with suppress(ConnectionError):  # the server may close the connection
        await loop.sock_sendall(client, REQUESTS)
    return client


async def answers_of(client):
    """Count the answers on a connection that the server has closed."""
    received = bytearray()
    with suppress(ConnectionError), client:
        while piece := await asyncio.get_running_loop().sock_recv(client, 65536):
            received += piece
    return received.count(b"HTTP/1.1 ")


async def test_pipelined_requests_of_a_stranger_do_not_fill_the_memory(keyed_gateway):
    gateway = psutil.Process(keyed_gateway.pid)
    async with asyncio.timeout(TIMEOUT_S):
        clients = await asyncio.gather(
            *(sent_and_unread(keyed_gateway) for _ in range(CONNECTIONS))
        )
        async with httpx.AsyncClient(base_url=keyed_gateway.url, timeout=TIMEOUT_S) as client:
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(client.get("/health/live"))
                while not asking.done():
                    assert gateway.memory_info().rss < MAX_RSS_BYTES
                    await asyncio.wait([asking], timeout=0.05)
            assert asking.result().status_code == 200
        counts = await asyncio.gather(*map(answers_of, clients))
    assert gateway.memory_info().rss < MAX_RSS_BYTES
    assert max(counts) <= 8
    assert not keyed_gateway.ended
