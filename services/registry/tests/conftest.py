"""A whole registry in this process, as `main.build` makes it."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.adapters.publisher_memory import MemoryBroker
from registry.adapters.uploads_memory import MemoryUploads
from registry.main import build
from registry.ports import UploadRecord
from registry.settings import Settings
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
        async with build(changed, open_publisher=broker.open, open_uploads=uploads.open) as app:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://registry") as http:
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
