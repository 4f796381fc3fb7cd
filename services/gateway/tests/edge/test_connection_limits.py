"""Connections of one address have a share, and probes a reserve."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from shared.testing.wire import connected, head, problem_of, status_of

pytestmark = pytest.mark.kafka

LIVE = head("GET /health/live HTTP/1.1")


@pytest.fixture
def keys_file(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    return path


async def ask_once(client, path):
    """Ask on a connection of its own."""
    async with connected(client) as wire:
        await wire.send(head(f"GET {path} HTTP/1.1"))
        return await wire.rest()


async def test_strangers_who_hold_every_place_do_not_shut_probes_out(run_gateway, keys_file):
    # All come from one address here: the reserve is all that a probe has.
    async with (
        run_gateway(keys_file=keys_file, max_connections=19) as client,
        AsyncExitStack() as stack,
    ):
        for _ in range(19):
            wire = await stack.enter_async_context(connected(client))
            await wire.send(head("GET /status HTTP/1.1"))
            assert status_of(await wire.answer()) == 401
        for path in ("/health/live", "/health/ready", "/v2/health/live"):
            probed = await ask_once(client, path)
            assert status_of(probed) == 200, path
            assert b"connection: close" in probed.lower()
        assert status_of(await ask_once(client, "/metrics")) == 401
        refused = await ask_once(client, "/status")
        assert (status_of(refused), problem_of(refused)["code"]) == (503, "overloaded")


async def test_silent_connections_hold_no_reserve(run_gateway):
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        run_gateway(max_connections=1, head_timeout_s=60) as client,
        AsyncExitStack() as stack,
    ):
        await client.aclose()  # its connection was for finding out that the server is there
        held = await stack.enter_async_context(connected(client))
        await held.send(LIVE)
        assert status_of(await held.answer()) == 200
        for _ in range(64):
            await stack.enter_async_context(connected(client))
        async with httpx.AsyncClient(base_url=client.base_url, limits=limits) as probe:
            for _ in range(3):
                assert (await probe.get("/health/ready")).status_code == 200


async def test_a_connection_without_a_valid_key_is_not_kept_long(run_gateway, keys_file):
    async with run_gateway(keys_file=keys_file) as client, connected(client) as wire:
        for path, status in (("/status", 401), ("/health/live", 200)):
            await wire.send(head(f"GET {path} HTTP/1.1"))
            assert status_of(await wire.answer()) == status
        started_s = asyncio.get_running_loop().time()
        assert await wire.rest() == b""  # closed by the server, within the reader's 20 s
        assert asyncio.get_running_loop().time() - started_s < 20


async def test_ordinary_pipelining_is_answered_in_order(run_gateway):
    async with run_gateway() as client, connected(client) as wire:
        await wire.send(LIVE * 7 + head("GET /v2 HTTP/1.1", "Connection: close"))
        answers = await wire.rest()
    assert answers.count(b"HTTP/1.1 200") == 8
    assert answers.rindex(b'"alive"') < answers.index(b'"extensions"')
