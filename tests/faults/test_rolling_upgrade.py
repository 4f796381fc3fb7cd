"""A rollout, one process after the other, from every released version to this one and back.

Old processes run the sources that `deploy/release.py` kept of their release, with today's
dependencies; what is tried is what they say to one another over Kafka and HTTP.

On a broker of its own, without a topic prefix: with one the groups of 0.1.0 have other names, and
gateways have to come first (docs/runbooks/upgrade-pneumostream.md).
"""

import asyncio
import os
import zipfile
from pathlib import Path

import httpx
import pytest

from shared.int8_support import int8_options

RELEASES = sorted((Path(__file__).parents[1] / "releases").glob("pneumostream-*.zip"))
IMAGE = next((Path(__file__).parents[2] / "samples").glob("viral-*-224px.jpeg"))

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

REAL_ENGINE = {"PNEUMO_WORKER_FAULTS": "0", "PNEUMO_WORKER_SIMULATED_MS": "0"}


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def release(request, tmp_path) -> dict[str, str]:
    """Give the environment in which `python -m gateway` is the released one."""
    folder = tmp_path / "released"
    with zipfile.ZipFile(request.param) as archive:
        archive.extractall(folder)
    sources = [folder / "shared" / "src", *folder.glob("services/*/src")]
    _allow_for_this_cpu(folder)
    return {"PYTHONPATH": os.pathsep.join(map(str, sources))}


def _allow_for_this_cpu(folder: Path) -> None:
    """Give a released worker today's options where int8 saturates: it refuses its model otherwise.

    What is tried are the messages; that a release cannot run on such a CPU is known (0018).
    """
    engine = folder / "services/inference-worker/src/inference_worker/adapters/engine_openvino.py"
    own = '"ENABLE_CPU_PINNING": False,'
    added = "".join(f'"{name}": "{value}",' for name, value in int8_options().items())
    text = engine.read_text()
    assert own in text
    engine.write_text(text.replace(own, own + added))


async def answer(gateway, **parameters) -> dict:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30) as client:
        headers = {"Content-Type": "image/jpeg"}
        done = await client.post(
            "/v1/predictions", content=IMAGE.read_bytes(), headers=headers, params=parameters
        )
    done.raise_for_status()
    return done.json()


async def test_versions_may_be_mixed_while_one_replaces_the_other_and_back(
    own_broker_system, release, new_load, judge
):
    system, _ = own_broker_system
    registry = system.start_registry(**release)
    old_gateway = system.start_gateway(**release)
    old_worker = system.start_worker("old", **REAL_ENGINE, **release)
    await asyncio.to_thread(system.ready, registry, old_gateway, old_worker)
    before = await answer(old_gateway)

    load = new_load(system, rate=5)
    async with load.running():
        # Up: the workers first, while only the old gateway asks; then the registry; then gateways.
        await replaced(system, old_worker, system.start_worker("new", **REAL_ENGINE))
        assert same(await answer(old_gateway), before)
        assert await asyncio.to_thread(registry.stop) == 0
        await asyncio.to_thread(system.ready, system.start_registry())
        new_gateway = system.start_gateway()
        await asyncio.to_thread(system.ready, new_gateway)
        load.urls = [new_gateway.url]
        assert same(await outcome(new_gateway, before["id"]), before)
        assert same(await answer(new_gateway), before)
        # And back, while only the new gateway asks.
        again = system.start_worker("old-again", **REAL_ENGINE, **release)
        await replaced(system, system.workers["new"], again)
        after = await answer(new_gateway, explain="cam")
        assert same(after, before)
        assert same(await outcome(old_gateway, after["id"]), before)
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said)


async def replaced(system, leaving, coming):
    await asyncio.to_thread(system.ready, coming)
    assert await asyncio.to_thread(leaving.stop) == 0


def same(one, other):
    return one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)


async def outcome(gateway, id_) -> dict:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30) as client:
        found = await client.get(f"/v1/predictions/{id_}")
    found.raise_for_status()
    return found.json()
