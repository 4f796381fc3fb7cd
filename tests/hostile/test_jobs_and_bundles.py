"""Jobs requested in a loop, and bundles that would fill the registry's disk."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.adapters.publisher_memory import MemoryBroker
from registry.adapters.uploads_memory import MemoryUploads
from registry.main import build
from registry.settings import Settings
from shared.clock import new_id
from shared.kafka.settings import KafkaSettings

Running = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def registry(tmp_path: Path) -> Running:
    """Give a function that runs a registry in this process and hands out an HTTP client for it."""

    @asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = Settings(
            data_dir=tmp_path / "registry",
            database_url=None,
            seed_bundle=None,
            min_new_images=0,
            kafka=KafkaSettings(topic_prefix="test."),
            **changes,
        )
        broker, uploads = MemoryBroker(), MemoryUploads()
        async with build(settings, open_publisher=broker.open, open_uploads=uploads.open) as app:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://registry") as http:
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
