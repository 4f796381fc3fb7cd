"""Faults of registry and trainer: predictions go on, and the control plane loses nothing either."""

import asyncio
import json
import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from shared.bundle_files import read_manifest
from shared.contracts.bundle import MANIFEST_FILE
from shared.control_client import RegistryUnavailableError, new_control_client
from shared.testing.bundles import sha256_hex
from shared.testing.disks import small_disk
from shared.testing.images import new_jpeg

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

BUNDLE = Path(__file__).parents[2] / "models" / "baseline"
SHIPPED = read_manifest(BUNDLE)


def registry_url(system) -> str:
    return f"http://127.0.0.1:{system.registry_port}"


async def until(client, path: str, holds) -> dict:
    async with asyncio.timeout(240):
        while True:
            response = await client.get(path)
            if response.is_success and holds(response.json()):
                return response.json()
            await asyncio.sleep(0.1)


async def test_the_same_click_twice_is_one_job(system, serving, new_load, judge):
    registry = system.start_registry(PNEUMO_REGISTRY_MIN_NEW_IMAGES="0")
    gateways = [system.start_gateway() for _ in range(2)]
    worker = system.start_worker("worker-0")
    await asyncio.to_thread(system.ready, registry, worker, *gateways)
    async with new_load(system).running() as load, httpx.AsyncClient(timeout=60) as client:
        posts = (
            client.post(f"{gateway.url}/retrain", headers={"Idempotency-Key": "one-click"})
            for gateway in gateways * 5
        )
        answers = await asyncio.gather(*posts)
        jobs = (await client.get(f"{gateways[0].url}/v1/jobs")).json()["jobs"]
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["id"] for answer in answers} == {job["id"] for job in jobs}
    assert len(jobs) == 1
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said)


async def test_with_the_registry_away_at_boot_a_worker_serves_from_its_cache(
    system, serving, new_load, judge
):
    registry, worker = system.start_registry(), system.start_worker("worker-0")
    await asyncio.to_thread(system.ready, registry, worker)
    await asyncio.to_thread(worker.stop)
    registry.kill()
    again, gateway = system.start_worker("worker-0"), system.start_gateway()
    await asyncio.to_thread(system.ready, again, gateway)
    async with new_load(system).running() as load:
        await asyncio.sleep(2)
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said)


@pytest.mark.faults
async def test_a_damaged_model_is_refused_and_the_old_one_serves_on(
    system, serving, new_load, judge, tmp_path
):
    await asyncio.to_thread(serving, system)
    manifest = json.loads((BUNDLE / MANIFEST_FILE).read_bytes()) | {"version": "damaged-on-disk"}
    weights = BUNDLE / "model.bin"
    # The same network with one bit another way: stored well, and damaged on the disk later.
    other = bytearray(weights.read_bytes())
    other[1000] ^= 1
    digest = sha256_hex(other)
    manifest["files"]["model.bin"]["sha256"] = digest
    copy = tmp_path / "model.bin"
    copy.write_bytes(other)
    async with new_load(system).running() as load:
        async with new_control_client(registry_url(system)) as control:
            await control.upload_artifact(digest, copy)
            record = await control.register(json.dumps(manifest).encode())
            (stored,) = (system.folder / "registry").rglob(digest)
            stored.chmod(0o600)
            stored.write_bytes(other[:-1] + bytes([other[-1] ^ 0xFF]))
            await control.promote(record.version)
        await asyncio.to_thread(wait_for_refusals, system)
    assert set(load.said) == {"200"}
    async with httpx.AsyncClient(timeout=60) as client:
        status = (await client.get(f"{system.gateways[0].url}/status")).json()
    assert {worker["version"] for worker in status["workers"]} == {SHIPPED.version}
    await judge.demand(system, said=load.said)


def wait_for_refusals(system) -> None:
    async def both() -> None:
        async with asyncio.timeout(60):
            while not all("model refused" in worker.log for worker in system.workers.values()):
                await asyncio.sleep(0.1)

    asyncio.run(both())


def restart_workers(system, bound=None, **env: str) -> None:
    """Ask each worker to leave and start it again, one after the other."""
    for id_, worker in list(system.workers.items()):
        worker.stop()
        again = system.start_worker(id_, **env)
        if bound is not None:
            bound(again.pid)
        again.wait_ready()


def demand_answers_or_refusals(load) -> None:
    """While one of two workers restarts a busy machine may refuse; it answers nothing else."""
    assert "200" in load.said
    assert all(said == "200" or said.startswith("503 ") for said in load.said), load.said


async def add_other_model(system, folder, version: str, *, pad_bytes: int = 0) -> Path:
    """Register the shipped model with other weights; gives where the registry keeps them."""
    manifest = json.loads((BUNDLE / MANIFEST_FILE).read_bytes()) | {"version": version}
    weights = (BUNDLE / "model.bin").read_bytes() + bytes(pad_bytes) + version.encode()
    digest = sha256_hex(weights)
    manifest["files"]["model.bin"] = {"sha256": digest, "size_bytes": len(weights)}
    copy = folder / version
    copy.write_bytes(weights)
    async with new_control_client(registry_url(system)) as control:
        await control.upload_artifact(digest, copy)
        await control.register(json.dumps(manifest).encode())
    (stored,) = (system.folder / "registry").rglob(digest)
    return stored


async def promote(system, version: str, *, again: bool = False) -> None:
    async with new_control_client(registry_url(system)) as control:
        await control.promote(version, again=again)


async def until_served(system, version: str) -> None:
    async with httpx.AsyncClient(base_url=system.gateways[0].url, timeout=60) as client:
        await until(
            client,
            "/v1/models/current",
            lambda body: {worker["version"] for worker in body["workers"]} == {version},
        )


@pytest.mark.faults
async def test_workers_restarted_under_a_damaged_model_serve_the_one_before(
    system, serving, new_load, judge, tmp_path
):
    quickly = {"PNEUMO_WORKER_RECONCILE_EVERY_S": "1", "PNEUMO_WORKER_RETRY_REFUSED_S": "1"}
    await asyncio.to_thread(serving, system, **quickly)
    stored = await add_other_model(system, tmp_path, "damaged-on-disk")
    whole = stored.read_bytes()
    stored.chmod(0o600)
    stored.write_bytes(whole[:-1] + b"!")
    async with new_load(system).running() as load:
        await promote(system, "damaged-on-disk")
        await asyncio.to_thread(wait_for_refusals, system)
        await asyncio.to_thread(restart_workers, system, **quickly)
        await until_served(system, SHIPPED.version)
        await asyncio.to_thread(wait_for_refusals, system)
        stored.write_bytes(whole)
        await until_served(system, "damaged-on-disk")
    demand_answers_or_refusals(load)
    await judge.demand(system, said=load.said)


@pytest.mark.faults
async def test_a_full_cache_disk_ends_no_worker_and_keeps_none_from_starting(
    system, serving, new_load, judge, tmp_path
):
    size_mib = 24  # holds one bundle of 16 MB, and not two
    with ExitStack() as disks:
        caches = [system.folder / f"worker-{n}" for n in range(2)]
        bounds = [disks.enter_context(small_disk(cache, size_mib)) for cache in caches]
        await asyncio.to_thread(serving, system)
        how = [
            bound(worker.pid) for bound, worker in zip(bounds, system.workers.values(), strict=True)
        ]
        await add_other_model(system, tmp_path, "too-large", pad_bytes=size_mib * 1024 * 1024)
        async with new_load(system).running() as load:
            await promote(system, "too-large")
            await asyncio.to_thread(wait_for_refusals, system)
            await asyncio.to_thread(restart_workers, system, bounds[0])
            await until_served(system, SHIPPED.version)
        demand_answers_or_refusals(load)
        await judge.demand(system, said=load.said, disk=how[0])


@pytest.mark.faults
async def test_a_killed_trainer_costs_neither_the_job_nor_a_prediction(
    system, serving, new_load, judge
):
    samples = sorted((BUNDLE.parents[1] / "samples").glob("*.jpeg"))
    await asyncio.to_thread(serving, system, workers=1)
    trainer = system.start_trainer()
    await asyncio.to_thread(trainer.wait_ready)
    load = new_load(system, rate=10)
    async with (
        httpx.AsyncClient(base_url=system.gateways[0].url, timeout=60) as client,
        load.running(),
    ):
        await upload_variants(client, samples)
        job_id = (await client.post("/retrain")).json()["id"]
        await until(client, f"/v1/jobs/{job_id}", lambda job: job["state"] == "running")
        trainer.kill()
        await asyncio.to_thread(system.start_trainer().wait_ready)
        ended = ("succeeded", "rejected", "failed", "cancelled")
        job = await until(client, f"/v1/jobs/{job_id}", lambda job: job["state"] in ended)
    # The gate may refuse what pictures of noise have taught; the job has ended all the same.
    assert (job["attempt"], job["state"] in ("succeeded", "rejected")) == (2, True), job
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said, job=job["state"])


async def upload_variants(client, samples) -> None:
    for sample in samples:
        files = [
            ("files", ("x.jpeg", sample.read_bytes() + bytes([n]), "image/jpeg"))
            for n in range(60 // len(samples) + 1)
        ]
        label = sample.name.split("-")[0]
        response = await client.post("/v1/uploads", data={"label": label}, files=files)
        assert response.status_code == 202, response.text
    await until(client, "/v1/dataset", lambda body: body["total"] >= 60)


@contextmanager
def full_disk(folder: Path, registry):
    """No byte more can be written there: a full tmpfs, or a limit where mounting is not permitted.

    Gives what was used, and a function that makes room.
    """
    if folder.is_mount():
        ballast = folder / "ballast"
        free_bytes = shutil.disk_usage(folder).free
        with ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, free_bytes)
        yield "a full tmpfs", ballast.unlink
    else:
        limit(registry.pid, "0")
        yield "RLIMIT_FSIZE of 0", lambda: limit(registry.pid, "unlimited")


def limit(pid: int, size: str) -> None:
    subprocess.run(["prlimit", f"--fsize={size}:unlimited", f"--pid={pid}"], check=True)


@pytest.fixture
def registry_disk(system):
    folder = system.folder / "registry"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "pneumo-test", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, check=False).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.faults
async def test_a_full_disk_loses_no_upload_and_stops_no_prediction(
    system, serving, new_load, judge, registry_disk
):
    registry = system.start_registry()
    gateway, worker = system.start_gateway(), system.start_worker("worker-0")
    await asyncio.to_thread(system.ready, registry, gateway, worker)
    artifact = system.folder / "artifact"
    artifact.write_bytes(b"weights" * 100_000)
    digest = sha256_hex(artifact.read_bytes())
    form = {"data": {"label": "viral"}, "files": [("files", ("a.jpeg", new_jpeg(), "image/jpeg"))]}
    async with (
        new_load(system).running() as load,
        new_control_client(registry_url(system)) as control,
        httpx.AsyncClient(base_url=gateway.url, timeout=60) as client,
    ):
        with full_disk(registry_disk, registry) as (how, make_room):
            with pytest.raises(RegistryUnavailableError, match="503"):
                await control.upload_artifact(digest, artifact)
            assert (await client.post("/v1/uploads", **form)).status_code == 202
            make_room()
        # With room again, what was accepted meanwhile is stored, and nobody had to restart.
        await until(client, "/v1/dataset", lambda body: body["total"] == 1)
        await control.upload_artifact(digest, artifact)
    assert set(load.said) == {"200"}
    await judge.demand(system, said=load.said, disk=how)
