"""The loop closed: labelled uploads, a job, the gate, a promotion, swaps; nobody waits for it."""

import asyncio
import io
import random
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from shared.bundle_files import read_manifest
from shared.testing.images import new_variant

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))
SHIPPED = read_manifest(ROOT / "models" / "baseline")
PATIENCE_S = 240


def label_of(sample: Path) -> str:
    return sample.name.split("-")[0]


def labelled(count: int, first_seed: int) -> list[tuple[str, bytes]]:
    pairs = [(SAMPLES[n % len(SAMPLES)], first_seed + n) for n in range(count)]
    return [(label_of(sample), new_variant(sample, seed)) for sample, seed in pairs]


def shuffled(images: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    labels = [label for label, _ in images]
    random.Random(0).shuffle(labels)
    return [(label, image) for label, (_, image) in zip(labels, images, strict=True)]


async def upload(client: httpx.AsyncClient, images: list[tuple[str, bytes]], **fields) -> None:
    before = (await client.get("/v1/dataset")).json()["total"]
    for label in sorted({label for label, _ in images}):
        files = [
            ("files", ("x.jpeg", image, "image/jpeg")) for name, image in images if name == label
        ]
        response = await client.post("/v1/uploads", data={"label": label, **fields}, files=files)
        assert response.status_code == 202, response.text
        assert response.json()["rejected"] == []
    await until(client, "/v1/dataset", lambda body: body["total"] == before + len(images))


async def until(client: httpx.AsyncClient, path: str, holds) -> dict:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            response = await client.get(path)
            if response.is_success and holds(response.json()):
                return response.json()
            await asyncio.sleep(0.1)


async def ended(client: httpx.AsyncClient, job_id: str) -> dict:
    states = ("succeeded", "rejected", "failed", "cancelled")
    return await until(client, f"/v1/jobs/{job_id}", lambda job: job["state"] in states)


async def swapped(client: httpx.AsyncClient, version: str) -> None:
    def all_serve(body):
        return len(body["workers"]) == 2 and all(w["version"] == version for w in body["workers"])

    await until(client, "/v1/models/current", all_serve)


@asynccontextmanager
async def constant_load(client: httpx.AsyncClient, seen: Counter):
    """Predictions one after the other, four at a time; `seen` counts versions, or what failed."""
    image = SAMPLES[0].read_bytes()

    async def one_client() -> None:
        while True:
            files = {"file": ("chest.jpeg", image, "image/jpeg")}
            response = await client.post("/predict", files=files)
            ok = response.status_code == 200
            seen[response.json()["model"]["version"] if ok else response.text] += 1

    async with asyncio.TaskGroup() as tasks:
        clients = [tasks.create_task(one_client()) for _ in range(4)]
        yield
        for task in clients:
            task.cancel()


async def test_uploads_become_a_better_judged_model_and_no_request_fails(stack):
    stack.start_trainer()
    seen: Counter = Counter()
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        async with constant_load(client, seen):
            await upload(client, labelled(60, first_seed=0))
            key = {"Idempotency-Key": "the-same-click-twice"}
            first = await client.post("/retrain", headers=key)
            again = await client.post("/retrain", headers=key)
            assert (first.status_code, again.status_code) == (202, 202)
            assert first.json()["id"] == again.json()["id"]
            job = await ended(client, first.json()["id"])
            assert job["state"] == "succeeded", job
            assert job["gate"]["accepted"]
            assert job["gate"]["current_version"] == SHIPPED.version
            await swapped(client, job["model_version"])
        assert set(seen) == {SHIPPED.version, job["model_version"]}
        detail = (await client.get(f"/v1/models/{job['model_version']}")).json()
        assert detail["lineage"]["parent"] == SHIPPED.version
        assert (await client.post("/v1/models/rollback")).status_code == 200
        await swapped(client, SHIPPED.version)


async def test_shuffled_labels_are_refused_and_the_current_model_stays(stack):
    stack.start_trainer()
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        await upload(client, shuffled(labelled(90, first_seed=1000)))
        job = await ended(client, (await client.post("/retrain")).json()["id"])
        assert job["state"] == "rejected", job
        failed = [check["name"] for check in job["gate"]["checks"] if not check["passed"]]
        assert failed
        current = (await client.get("/v1/models/current")).json()
        assert current["version"] == SHIPPED.version
        rejected = (await client.get(f"/v1/models/{job['model_version']}")).json()
        assert rejected["state"] == "rejected"


async def test_a_trainer_killed_at_work_is_succeeded_and_the_job_ends_once(stack):
    trainer = stack.start_trainer()
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        await upload(client, labelled(60, first_seed=2000))
        job_id = (await client.post("/retrain")).json()["id"]
        await until(client, f"/v1/jobs/{job_id}", lambda job: job["state"] == "running")
        trainer.kill()
        stack.start_trainer()
        job = await ended(client, job_id)
        assert job["state"] == "succeeded", job
        assert job["attempt"] == 2
        models = (await client.get("/v1/models")).json()["models"]
        assert Counter(model["state"] for model in models) == {"retired": 1, "current": 1}


async def test_a_new_class_is_served_with_nothing_deployed_anew(stack):
    stack.start_trainer()
    async with httpx.AsyncClient(base_url=stack.gateway.url, timeout=60) as client:
        inverted = [("inverted", _inverted(image)) for _, image in labelled(40, first_seed=3000)]
        await upload(client, labelled(30, first_seed=4000))
        await upload(client, inverted, new_class="true")
        job = await ended(client, (await client.post("/retrain")).json()["id"])
        assert job["state"] == "succeeded", job
        await swapped(client, job["model_version"])
        files = {"file": ("x.jpeg", inverted[0][1], "image/jpeg")}
        answer = (await client.post("/predict", files=files)).json()
    assert tuple(answer["probabilities"]) == (*SHIPPED.classes, "inverted")


def _inverted(image: bytes) -> bytes:
    with Image.open(io.BytesIO(image)) as opened:
        picture = opened.point(lambda grey: 255 - grey)
    body = io.BytesIO()
    picture.save(body, "JPEG", quality=90)
    return body.getvalue()
