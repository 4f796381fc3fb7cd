"""All is lost but a backup: another machine, a new Kafka, and the same answers."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from shared.bundle_files import read_manifest
from shared.contracts.bundle import MANIFEST_FILE
from shared.control_client import new_control_client
from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings
from shared.testing.images import new_variant

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
SEED, OTHER = (ROOT / "models" / name for name in ("baseline", "four-classes"))
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))
IMAGES = 12


async def until(client: httpx.AsyncClient, path: str, holds) -> dict:
    # A new model is compiled behind all else: on a busy machine that takes minutes.
    async with asyncio.timeout(240):
        while True:
            response = await client.get(path)
            if response.is_success and holds(response.json()):
                return response.json()
            await asyncio.sleep(0.1)


async def promote(stack, client: httpx.AsyncClient, version: str) -> None:
    async with new_control_client(stack.registry.url, timeout_s=30) as registry:
        await registry.promote(version)
    await serves(client, version)


async def serves(client: httpx.AsyncClient, version: str) -> dict:
    def holds(body):
        served = [worker["version"] for worker in body["workers"]]
        return body["version"] == version and served == [version]

    return await until(client, "/v1/models/current", holds)


async def add(stack, bundle: Path) -> str:
    manifest = read_manifest(bundle)
    async with new_control_client(stack.registry.url, timeout_s=30) as registry:
        for name, entry in manifest.files.items():
            await registry.upload_artifact(entry.sha256, bundle / name)
        await registry.register((bundle / MANIFEST_FILE).read_bytes())
    return manifest.version


async def upload(client: httpx.AsyncClient) -> dict:
    images = [new_variant(SAMPLES[0], seed) for seed in range(IMAGES)]
    files = [("files", ("x.jpeg", image, "image/jpeg")) for image in images]
    label = {"label": SAMPLES[0].name.split("-")[0]}
    response = await client.post("/v1/uploads", data=label, files=files)
    assert response.json()["rejected"] == []
    return await until(client, "/v1/dataset", lambda body: body["total"] == IMAGES)


async def answers(client: httpx.AsyncClient) -> list[dict]:
    said = []
    for sample in SAMPLES:
        files = {"file": ("chest.jpeg", sample.read_bytes(), "image/jpeg")}
        response = await client.post("/v1/predictions", files=files, headers={"Prefer": "wait=40"})
        assert response.status_code == 200, response.text
        said.append({key: response.json()[key] for key in ("label", "probabilities", "model")})
    return said


async def command(name: str, folder: Path, data_dir: Path) -> str:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "registry", name, str(folder)],
        env={**os.environ, "PNEUMO_REGISTRY_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


async def test_from_a_backup_alone_the_same_version_gives_the_same_answers(
    start_stack, kafka_settings, restartable_broker, tmp_path
):
    lost, fresh = tmp_path / "lost", tmp_path / "fresh"
    for folder in (lost, fresh):
        folder.mkdir()
    first = start_stack(kafka_settings, lost, workers=1)
    async with httpx.AsyncClient(base_url=first.gateway.url, timeout=60) as client:
        dataset = await upload(client)
        seeds = await answers(client)
        version = await add(first, OTHER)
        await promote(first, client, version)
        before = await answers(client)
        told = await command("backup", tmp_path / "backup", lost / "registry")
    assert f"2 models, {IMAGES} images and 0 jobs" in told
    assert before != seeds
    for process in (first.gateway, *first.workers, first.registry):
        process.kill()

    told = await command("restore", tmp_path / "backup", fresh / "registry")
    assert f"2 models, {IMAGES} images and 0 jobs" in told
    kafka = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(kafka)
    second = start_stack(kafka, fresh, workers=1)
    async with httpx.AsyncClient(base_url=second.gateway.url, timeout=60) as client:
        await serves(client, version)
        assert await answers(client) == before
        assert (await client.get("/v1/dataset")).json() == dataset
        await promote(second, client, read_manifest(SEED).version)
        assert await answers(client) == seeds
