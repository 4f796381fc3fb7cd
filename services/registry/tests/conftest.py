"""A whole registry in this process, as `main.build` makes it."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from registry.adapters.publisher_memory import MemoryBroker
from registry.adapters.store.engine import new_engine
from registry.adapters.store.tables import LEASES, METADATA
from registry.adapters.uploads_memory import MemoryUploads
from registry.main import build
from registry.ports import UploadRecord
from registry.settings import Settings
from shared.clock import new_id
from shared.contracts.dataset import UploadHeaders
from shared.kafka.settings import KafkaSettings
from shared.testing.bundles import default_files, manifest_bytes, new_manifest, sha256_hex


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "registry",
        database_url=None,
        seed_bundle=None,
        max_artifact_bytes=1024 * 1024,
        min_new_images=4,
        measuring_s=20.0,  # its process takes seconds to start on a busy machine
        kafka=KafkaSettings(topic_prefix="test."),
    )


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def uploads() -> MemoryUploads:
    return MemoryUploads()


@pytest.fixture
def registry(
    settings: Settings, broker: MemoryBroker, uploads: MemoryUploads
) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """Give a function that runs a registry and hands out an HTTP client for it."""

    @asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        changed = settings.model_copy(update=changes)
        outside = {
            "open_publisher": broker.open,
            "open_uploads": uploads.open,
            "upload_ends": uploads.ends,
        }
        async with build(changed, **outside) as app:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                yield http

    return run


@pytest.fixture
def upload() -> Callable[..., UploadRecord]:
    """Give a function that makes a record as the gateway would."""

    def make(content: bytes, label: str = "NORMAL", **changes: Any) -> UploadRecord:
        headers = UploadHeaders(
            id="u",
            label=label,
            content_type=changes.pop("content_type", "image/png"),
            patient=changes.pop("patient", None),
            source=changes.pop("source", "upload"),
            upload_id=changes.pop("upload_id", None),
        )
        record = UploadRecord(
            partition=0,
            offset=0,
            key=sha256_hex(content).encode(),
            value=content,
            headers=headers.encode(),
            made_at_ms=changes.pop("made_at_ms", 1),
        )
        return dataclasses.replace(record, **changes)

    return make


@pytest.fixture
def fill(uploads: MemoryUploads, upload: Callable[..., UploadRecord]) -> Callable[..., Any]:
    """Give a function that uploads many images, and returns when they are in the dataset."""

    async def fill(http: httpx.AsyncClient, count: int, label: str = "NORMAL") -> None:
        total: int = (await http.get("/v1/dataset")).json()["total"]
        uploads.records += [upload(f"{label} {total + n}".encode(), label) for n in range(count)]
        async with asyncio.timeout(30):
            while (await http.get("/v1/dataset")).json()["total"] < total + count:
                await asyncio.sleep(0.01)

    return fill


@pytest.fixture
def add_model() -> Callable[..., Any]:
    """Give a function that uploads and registers a fake model over HTTP."""

    async def add(http: httpx.AsyncClient, version: str) -> httpx.Response:
        files = default_files(version)
        for content in files.values():
            stored = await http.put(f"/v1/artifacts/{sha256_hex(content)}", content=content)
            stored.raise_for_status()
        body = manifest_bytes(new_manifest(files, version=version))
        return await http.post("/v1/models", content=body)

    return add


@pytest.fixture
def problem_of() -> Callable[[httpx.Response], tuple[int, str]]:
    """Give a function that reads a problem's status and code, and checks the rest of its form."""

    def read(response: httpx.Response) -> tuple[int, str]:
        assert response.headers["content-type"] == "application/problem+json"
        body = response.json()
        assert body["status"] == response.status_code
        assert body["title"]
        assert body["detail"]
        assert body["id"]
        return response.status_code, body["code"]

    return read


@pytest.fixture
def fill_all(
    registry: Callable[..., Any],
    add_model: Callable[..., Any],
    fill: Callable[..., Any],
    uploads: MemoryUploads,
    upload: Callable[..., UploadRecord],
) -> Callable[..., Any]:
    """Give a function that runs a registry until every table has rows, and gives its images."""

    async def dispute(http: httpx.AsyncClient, content: bytes) -> None:
        uploads.records.append(upload(content, "OTHER"))
        async with asyncio.timeout(30):
            while not (await http.get("/v1/dataset")).json()["conflicts"]:
                await asyncio.sleep(0.01)

    async def fill_all(**changes: Any) -> list[str]:
        async with registry(**changes) as http:
            for version in ("v1", "v2"):
                await add_model(http, version)
                (await http.post(f"/v1/models/{version}/promote")).raise_for_status()
            (await http.post("/v1/models/rollback")).raise_for_status()
            await fill(http, 6)
            await dispute(http, b"NORMAL 0")
            images = (await http.get("/v1/dataset/images")).json()["images"]
            names = sorted(image["sha256"] for image in images if not image["conflict"])
            job = await http.post("/v1/jobs", json={"id": new_id()})
            relabelled = await http.patch(
                f"/v1/dataset/images/{names[0]}", json={"label": "PNEUMONIA"}
            )
            deleted = await http.delete(f"/v1/dataset/images/{names.pop()}")
            for response in (job, relabelled, deleted):
                response.raise_for_status()
        return [*names, sha256_hex(b"NORMAL 0")]

    return fill_all


@pytest.fixture
def rows_of() -> Callable[[str], dict[str, list[tuple[Any, ...]]]]:
    """Give a function that reads every row of a database, by table, in the order of its keys."""

    def rows_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
        engine = new_engine(url)
        with engine.connect() as connection:
            found = {
                table.name: [
                    tuple(row)
                    for row in connection.execute(select(table).order_by(*table.primary_key))
                ]
                for table in METADATA.sorted_tables
                if table is not LEASES
            }
        engine.dispose()
        return found

    return rows_of
