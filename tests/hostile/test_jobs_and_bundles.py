"""Jobs requested in a loop, and bundles that would fill the registry's disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.adapters.publisher_memory import MemoryBroker
from registry.adapters.uploads_memory import MemoryUploads
from registry.main import build
from registry.settings import Settings
from shared.clock import SystemClock, new_id
from shared.kafka.settings import KafkaSettings
from shared.testing.bundles import default_files, manifest_bytes, new_manifest, sha256_hex

Running = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


class LaterClock(SystemClock):
    """The machine's clock, some hours later."""

    def __init__(self, hours: int) -> None:
        self._ahead_ms = hours * 3_600_000

    def now_ms(self) -> int:
        return super().now_ms() + self._ahead_ms


@pytest.fixture
def registry(tmp_path: Path) -> Running:
    """Give a function that runs a registry in this process and hands out an HTTP client for it."""

    @asynccontextmanager
    async def run(*, hours_later: int = 0, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = Settings(
            data_dir=tmp_path / "registry",
            database_url=None,
            seed_bundle=None,
            min_new_images=0,
            kafka=KafkaSettings(topic_prefix="test."),
            **changes,
        )
        broker, uploads = MemoryBroker(), MemoryUploads()
        async with build(
            settings,
            clock=LaterClock(hours_later),
            open_publisher=broker.open,
            open_uploads=uploads.open,
        ) as app:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                yield http

    return run


async def test_jobs_in_a_loop_are_refused_and_the_oldest_is_what_a_trainer_is_given(
    registry: Running,
) -> None:
    async with registry() as http:
        answers = [await http.post("/v1/jobs", json={"id": new_id()}) for _ in range(60)]
        taken = [answer.json()["id"] for answer in answers if answer.status_code == 201]
        refused = {(a.status_code, a.json()["code"]) for a in answers if a.status_code != 201}
        assert len(taken) <= 16
        assert refused == {(409, "too_many_jobs")}
        # What was taken before is still the same job, and the other mode has places of its own.
        assert (await http.post("/v1/jobs", json={"id": taken[0]})).status_code == 200
        full = await http.post("/v1/jobs", json={"id": new_id(), "mode": "full"})
        assert full.status_code == 201
        few = (await http.get("/v1/jobs?claimable=true&limit=3")).json()["jobs"]
        assert [job["id"] for job in few] == [taken[2], taken[1], taken[0]]
        claim = {"holder": "t", "ttl_s": 60}
        (await http.post(f"/v1/jobs/{taken[0]}/lease", json=claim)).raise_for_status()
        few = (await http.get("/v1/jobs?claimable=true&limit=2")).json()["jobs"]
        assert [job["id"] for job in few] == [taken[2], taken[1]]
        for id_ in taken:
            (await http.post(f"/v1/jobs/{id_}/cancel")).raise_for_status()


SHARED = b"features that every version keeps"


def files_of(version: str) -> dict[str, bytes]:
    return default_files(version) | {"replay.npz": SHARED}


async def add(http: httpx.AsyncClient, *versions: str, promoted: bool = False) -> None:
    for version in versions:
        files = files_of(version)
        for content in files.values():
            path = f"/v1/artifacts/{sha256_hex(content)}"
            (await http.put(path, content=content)).raise_for_status()
        body = manifest_bytes(new_manifest(files, version=version))
        (await http.post("/v1/models", content=body)).raise_for_status()
        if promoted:
            (await http.post(f"/v1/models/{version}/promote")).raise_for_status()


async def versions(http: httpx.AsyncClient) -> list[str]:
    return [model["version"] for model in (await http.get("/v1/models")).json()["models"]]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.02)


def stored(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "registry" / "artifacts").iterdir()}


async def test_versions_that_newer_ones_replaced_leave_the_list_and_then_the_disk(
    registry: Running, tmp_path: Path
) -> None:
    weights = {v: sha256_hex(default_files(v)["model.bin"]) for v in ("v2", "c1", "v3")}
    async with registry(keep_models=0) as http:
        await add(http, "v1", "v2", "v3", "v4", "v5", promoted=True)
        await add(http, "c1", "c2", "c3")
    async with registry(keep_models=2) as http:
        # v5 is current, v4 and v3 are the newest retired ones, v1 is the first of all.
        expected = ["v1", "v3", "v4", "v5", "c2", "c3"]

        async def is_swept() -> bool:
            return await versions(http) == expected

        await until(is_swept)
        assert (await http.get("/v1/models/v2")).status_code == 404
        again = await http.post(
            "/v1/models", content=manifest_bytes(new_manifest(files_of("v2"), version="v2"))
        )
        assert (again.status_code, again.json()["code"]) == (409, "conflict")
        assert (await http.post("/v1/models/v2/promote")).status_code == 404
        shown = (await http.get("/metrics")).text
        assert "pneumo_registry_models_deleted_total 2.0" in shown
        assert set(weights.values()) <= stored(tmp_path), "a backup may still be copying them"
    async with registry(keep_models=2, hours_later=3) as http:

        async def is_removed() -> bool:
            return not {weights["v2"], weights["c1"]} & stored(tmp_path)

        await until(is_removed)
        assert {weights["v3"], sha256_hex(SHARED)} <= stored(tmp_path)
        kept = await http.get("/v1/models/v3/files/replay.npz")
        assert kept.content == SHARED
        assert (await http.post("/v1/models/rollback?from_version=v5")).json()["version"] == "v4"


async def test_a_version_is_deleted_by_request_unless_it_is_needed(registry: Running) -> None:
    async with registry() as http:
        await add(http, "v1", "v2", "v3", "v4", promoted=True)
        await add(http, "c1")
        for needed in ("v1", "v3", "v4"):
            refused = await http.delete(f"/v1/models/{needed}")
            assert (refused.status_code, refused.json()["code"]) == (409, "model_in_use")
        assert (await http.delete("/v1/models/none")).status_code == 404
        job = (await http.post("/v1/jobs", json={"id": new_id()})).json()["id"]
        claim = {"holder": "t", "ttl_s": 60}
        (await http.post(f"/v1/jobs/{job}/lease", json=claim)).raise_for_status()
        for maybe in ("v2", "c1"):
            refused = await http.delete(f"/v1/models/{maybe}")
            assert (refused.status_code, refused.json()["code"]) == (409, "model_in_use")
        ended = {"holder": "t", "state": "failed", "error": "x"}
        (await http.post(f"/v1/jobs/{job}/outcome", json=ended)).raise_for_status()
        for _ in range(2):
            assert (await http.delete("/v1/models/v2")).status_code == 204
        assert await versions(http) == ["v1", "v3", "v4", "c1"]


async def test_the_list_of_models_is_bounded_and_has_pages(registry: Running) -> None:
    async with registry() as http:
        await add(http, "v1", "v2", "v3")
        first = await http.get("/v1/models?limit=2")
        assert [model["version"] for model in first.json()["models"]] == ["v2", "v3"]
        assert list(first.json()) == ["models"]
        older = await http.get(first.links["next"]["url"])
        assert [model["version"] for model in older.json()["models"]] == ["v1"]
        assert "next" not in older.links
        assert (await http.get("/v1/models?limit=0")).status_code == 400
