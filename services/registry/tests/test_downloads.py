from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.settings import Settings
from shared.bundle_files import BundleError, read_manifest
from shared.registry_client import ModelNotFoundError, RegistryClient, RegistryError
from shared.testing.bundles import default_files, sha256_hex

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]


async def test_the_shared_client_reads_models_and_fetches_a_bundle(
    registry: Registry, add_model: AddModel, tmp_path: Path
) -> None:
    async with registry() as http:
        client = RegistryClient(http)
        with pytest.raises(ModelNotFoundError):
            await client.current_model()
        await add_model(http, "v1")
        await http.post("/v1/models/v1/promote")
        record = await client.current_model()
        assert record == await client.model("v1")
        bundle = await client.download_bundle(record, tmp_path / "cache")
    assert bundle.name == record.bundle_sha256
    assert read_manifest(bundle) == record.manifest
    for name, content in default_files("v1").items():
        assert (bundle / name).read_bytes() == content


async def test_a_download_goes_on_where_it_broke_off(
    registry: Registry, add_model: AddModel, tmp_path: Path
) -> None:
    content = default_files("v1")["model.bin"]
    ranges: list[tuple[str | None, int, int]] = []

    async def note(response: httpx.Response) -> None:
        await response.aread()
        asked = response.request.headers.get("range")
        ranges.append((asked, response.status_code, len(response.content)))

    async with registry() as http:
        client = RegistryClient(http)
        await add_model(http, "v1")
        record = await client.model("v1")
        begun = tmp_path / record.bundle_sha256
        begun.mkdir()
        (begun / "model.bin.part").write_bytes(content[:1000])
        http.event_hooks["response"].append(note)
        bundle = await client.download_bundle(record, tmp_path)
    assert ("bytes=1000-", 206, len(content) - 1000) in ranges
    assert (bundle / "model.bin").read_bytes() == content


async def test_a_damaged_artifact_never_becomes_a_bundle(
    registry: Registry, add_model: AddModel, settings: Settings, tmp_path: Path
) -> None:
    content = default_files("v1")["model.bin"]
    artifact = settings.data_dir / "artifacts" / sha256_hex(content)
    async with registry() as http:
        client = RegistryClient(http)
        await add_model(http, "v1")
        record = await client.model("v1")
        artifact.write_bytes(content[:-1] + b"!")
        with pytest.raises(BundleError):
            await client.download_bundle(record, tmp_path / "flipped")
        artifact.write_bytes(content[:-1])
        with pytest.raises(RegistryError):
            await client.download_bundle(record, tmp_path / "short")
