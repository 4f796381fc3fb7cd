"""A typical journey: real registry, gateway and workers as processes, on a real broker."""

import asyncio
from pathlib import Path

import httpx
import pytest

from shared.bundle_files import read_manifest
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "models" / "baseline"
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))


async def predict(client: httpx.AsyncClient, image: bytes) -> httpx.Response:
    files = {"file": ("chest.jpeg", image, "image/jpeg")}
    return await client.post("/v1/predictions", files=files, headers={"Prefer": "wait=40"})


async def test_a_radiograph_goes_in_and_an_answer_comes_back(stack):
    manifest = read_manifest(BUNDLE)
    assert SAMPLES
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        for sample in SAMPLES:
            response = await predict(client, sample.read_bytes())
            body = response.json()
            assert response.status_code == 200, body
            assert body["model"] == {"name": manifest.name, "version": manifest.version}
            assert tuple(body["probabilities"]) == manifest.classes
            assert sum(body["probabilities"].values()) == pytest.approx(1, abs=1e-3)
            assert sample.name.startswith(body["label"])
        status = (await client.get("/status")).json()
    assert {w["id"] for w in status["workers"]} == {"worker-0", "worker-1"}
    assert {w["version"] for w in status["workers"]} == {manifest.version}
    assert status["current_model"]["version"] == manifest.version


async def test_a_killed_worker_costs_nobody_an_answer(stack):
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:

        async def one_client(seed: int) -> list[int]:
            image = new_jpeg(seed=seed)
            return [(await predict(client, image)).status_code for _ in range(60)]

        load = asyncio.gather(*(one_client(seed) for seed in range(8)))
        await asyncio.sleep(0.4)
        stack.workers[0].kill()
        statuses = [status for client_ in await load for status in client_]
    assert statuses == [200] * 480


async def test_a_worker_asked_to_leave_finishes_its_work(stack):
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        load = asyncio.gather(*(predict(client, new_jpeg(seed=n)) for n in range(100)))
        await asyncio.sleep(0.1)
        code = await asyncio.to_thread(stack.workers[1].stop)
        responses = await load
    assert code == 0
    assert [r.status_code for r in responses] == [200] * 100


async def test_serving_goes_on_with_the_registry_down_and_a_worker_starts_from_its_cache(stack):
    stack.registry.kill()
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        response = await predict(client, new_jpeg())
    assert response.status_code == 200


async def test_bad_images_leave_the_workers_alive(stack):
    image = new_jpeg()
    bad = [image[: len(image) // 2], image[:200] + b"\x00" * 500, b"GIF89a" + b"\xff" * 60]
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        for body in bad:
            response = await predict(client, body)
            assert response.status_code == 422, response.text
            assert response.json()["code"] == "undecodable"
        assert (await predict(client, image)).status_code == 200
    for worker in stack.workers:
        await asyncio.to_thread(worker.wait_ready)
