"""Rates and places at once, of each key or address."""

import asyncio
import json

import pytest

from gateway.core.keys import digest_of
from shared.testing.images import new_jpeg
from shared.testing.wire import a_post, connected, status_of, told

pytestmark = pytest.mark.kafka

MIB = 1024 * 1024
IMAGE = "Content-Type: image/jpeg"


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
