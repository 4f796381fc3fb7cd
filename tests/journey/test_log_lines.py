"""What the log lines of a whole system say of requests, and what they never say."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.cli.arguments import main as gateway_command
from gateway.core.permissions import KeyScope
from shared.bundle_files import read_manifest
from shared.contracts.train import TERMINAL_STATES
from shared.testing.archives import new_zip
from shared.testing.images import new_jpeg, new_marked_jpeg

pytestmark = pytest.mark.kafka

BUNDLE = Path(__file__).parents[2] / "models" / "baseline"
TELLING = "SMITH^JOHN_BORN57"
"""What no line may have, in whatever form: a patient's name as file names carry it."""
FORBIDDEN = ("SMITH", "JOHN", "BORN57", b"SMITH".hex(), "Bearer", "pneumo_")
SOON_S = 30


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "keys.json"


@pytest.fixture
def settings(key_file, capsys):
    gateway_command(
        [
            "keys",
            "--file",
            str(key_file),
            "new",
            "ward",
            *(word for scope in KeyScope for word in ("--scope", scope)),
        ]
    )
    secret = capsys.readouterr().out.strip()
    levels = {f"PNEUMO_{each}_LOG_LEVEL": "DEBUG" for each in ("GATEWAY", "WORKER", "REGISTRY")}
    return {
        **levels,
        "PNEUMO_GATEWAY_KEYS_FILE": str(key_file),
        "PNEUMO_WORKER_FAULTS": "1",
        "TEST_KEY": secret,
    }


def form(image: bytes, field: str = "file") -> dict[str, tuple[str, bytes, str]]:
    return {field: (f"{TELLING}.jpeg", image, "image/jpeg")}


async def predict(client: httpx.AsyncClient, image: bytes) -> httpx.Response:
    return await client.post("/v1/predictions", files=form(image), headers={"Prefer": "wait=30"})


async def speak(client: httpx.AsyncClient) -> dict[str, httpx.Response]:
    """Say the telling name wherever a client may say something."""
    image = new_jpeg()
    archive = new_zip(
        (f"NORMAL/{TELLING}.jpeg", new_jpeg(seed=1)), (f"NORMAL/{TELLING}.txt", b"SMITH JOHN")
    )
    zipped = {"files": (f"{TELLING}.zip", archive, "application/zip")}
    wrong = {"Authorization": f"Bearer pneumo_{TELLING}"}
    return {
        "good": await predict(client, image),
        "undecodable": await predict(client, image[: len(image) // 2] + TELLING.encode() * 40),
        "bug": await predict(client, new_marked_jpeg(f"bug {TELLING}")),
        "labelled": await client.post(
            "/v1/uploads", files=form(image, "files"), data={"label": "NORMAL"}
        ),
        "label": await client.post(
            "/v1/uploads", files=form(image, "files"), data={"label": "SMITH_JOHN"}
        ),
        "zip": await client.post("/v1/uploads", files=zipped),
        "query": await client.get("/v1/jobs", params={"limit": TELLING}),
        "path": await client.get(f"/v1/predictions/{TELLING}"),
        "model": await client.post(f"/v1/models/{TELLING}/promote"),
        "key": await client.get("/status", headers=wrong),
    }


async def speak_to_http(address: str) -> None:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{TELLING} / HTTP/1.1\r\n\r\n".encode())
    assert b"400" in await reader.read()
    writer.close()
    await writer.wait_closed()


def lines_of(*processes) -> Iterator[tuple[str, dict[str, object]]]:
    for process in processes:
        for line in process.log.splitlines():
            yield line, json.loads(line)


async def wait_for_line(process, event: str) -> None:
    give_up = time.monotonic() + SOON_S
    while event not in process.log:
        assert time.monotonic() < give_up, process.log
        await asyncio.sleep(0.1)


async def test_no_line_quotes_a_client_and_every_line_of_a_request_names_it(stack, settings):
    ours = {"Authorization": f"Bearer {settings['TEST_KEY']}"}
    async with httpx.AsyncClient(base_url=stack.gateway.url, headers=ours, timeout=60) as client:
        said = await speak(client)
        await speak_to_http(stack.gateway.address)
        stack.registry.kill()
        away = await client.get("/v1/models/SMITH-JOHN-BORN57")
    statuses = {name: response.status_code for name, response in said.items()}
    assert statuses == {
        "good": 200,
        "undecodable": 422,
        "bug": 500,
        "labelled": 202,
        "label": 422,
        "zip": 202,
        "query": 400,
        "path": 404,
        "model": 404,
        "key": 401,
    }
    assert away.status_code == 503
    await wait_for_line(stack.gateway, "registry unavailable")
    processes = (stack.gateway, *stack.workers, stack.registry)
    for line, entry in lines_of(*processes):
        assert not [word for word in FORBIDDEN if word in line], line
        assert {"event", "level", "timestamp", "service"} <= entry.keys(), line
    version = said["good"].json()["model"]["version"]
    of_gateway = [entry for _, entry in lines_of(stack.gateway)]
    of_workers = [entry for _, entry in lines_of(*stack.workers)]
    told = [entry for entry in of_gateway if entry["event"] == "request answered"]
    assert len(told) >= len(said)
    assert all(entry["request_id"] for entry in told)
    ids = {name: said[name].json()["id"] for name in ("good", "undecodable", "bug")}
    answered = next(entry for entry in told if entry["request_id"] == ids["good"])
    assert answered["model_version"] == version
    away_line = next(entry for entry in of_gateway if entry["event"] == "registry unavailable")
    assert away_line["request_id"]
    for name, event in (("undecodable", "image failed"), ("bug", "attempt failed")):
        found = [entry for entry in of_workers if entry["event"] == event]
        assert {entry["request_id"] for entry in found} == {ids[name]}
        assert {entry["model_version"] for entry in found} == {version}
    assert "KeyError" in found[0]["exception"]


async def teach(client: httpx.AsyncClient) -> str:
    """Upload what a training needs, under telling names, and see a job to its end."""
    for n, label in enumerate(read_manifest(BUNDLE).classes):
        images = [new_jpeg(seed=100 * n + seed) for seed in range(8)]
        files = [("files", (f"{TELLING}.jpeg", image, "image/jpeg")) for image in images]
        taken = await client.post("/v1/uploads", data={"label": label}, files=files)
        assert taken.status_code == 202
    async with asyncio.timeout(SOON_S):
        while (await client.get("/v1/dataset")).json()["total"] < 20:
            await asyncio.sleep(0.1)
    asked = await client.post("/v1/jobs")
    assert asked.status_code == 202, asked.text
    id_ = asked.json()["id"]
    async with asyncio.timeout(120):
        while (await client.get(f"/v1/jobs/{id_}")).json()["state"] not in TERMINAL_STATES:
            await asyncio.sleep(0.2)
    return id_


async def test_every_line_of_a_job_names_it(stack, settings):
    ours = {"Authorization": f"Bearer {settings['TEST_KEY']}"}
    trainer = stack.start_trainer()
    async with httpx.AsyncClient(base_url=stack.gateway.url, headers=ours, timeout=60) as client:
        id_ = await teach(client)
    await wait_for_line(trainer, "job ended")
    for line, _ in lines_of(trainer, stack.gateway, stack.registry):
        assert not [word for word in FORBIDDEN if word in line], line
    of_job = [entry for _, entry in lines_of(trainer) if "job" in str(entry["event"])]
    assert {entry["event"] for entry in of_job} >= {"job announced", "job taken", "job ended"}
    assert {entry.get("job_id") for entry in of_job} == {id_}
    asked = [entry for _, entry in lines_of(stack.gateway) if entry.get("job_id") == id_]
    assert {entry["route"] for entry in asked} == {"/v1/jobs", "/v1/jobs/{id}"}
