"""A whole registry whose files lie in S3, and whose folder may be lost."""

import asyncio
import io
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from obstore.store import S3Store
from PIL import Image
from pydantic import SecretStr, ValidationError

from registry.adapters.uploads_memory import MemoryUploads
from registry.main import back_up, restore
from registry.ports import StartError, UploadRecord
from registry.settings import Settings
from shared.contracts.insights import DatasetInsights
from shared.registry_client import RegistryClient
from shared.testing.bundles import default_files, sha256_hex, write_bundle

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]
ProblemOf = Callable[[httpx.Response], tuple[int, str]]


def _drawn(sigma: float) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((300, 240), sigma).save(stream, "PNG")
    return stream.getvalue()


async def _settled(uploads: MemoryUploads) -> None:
    async with asyncio.timeout(20):
        while uploads.committed < len(uploads.records):
            await asyncio.sleep(0.01)


@pytest.fixture
def in_s3(bucket_url: str, s3_endpoint: str, tmp_path: Path) -> dict[str, Any]:
    """Give the settings of a registry that keeps nothing in its folder."""
    database_url = SecretStr(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    return {
        "files_url": bucket_url,
        "files_endpoint": s3_endpoint,
        "database_url": database_url,
    }


@pytest.fixture
def objects(bucket_url: str, s3_endpoint: str) -> S3Store:
    """Give what lies in the bucket, past the registry."""
    options: Any = {"client_options": {"allow_http": True}, "endpoint": s3_endpoint}
    return S3Store.from_url(bucket_url, **options)


def _keys(objects: S3Store) -> set[str]:
    return {each["path"] for page in obstore.list(objects) for each in page}


async def test_all_of_a_registry_outlives_its_folder(
    registry: Registry,
    add_model: AddModel,
    uploads: MemoryUploads,
    upload: Callable[..., UploadRecord],
    settings: Settings,
    in_s3: dict[str, Any],
    objects: S3Store,
    tmp_path: Path,
) -> None:
    """The typical journey: seed, registration, resumed download, upload, insights, deletion."""
    write_bundle(tmp_path / "seed", version="base-1")
    pictures = [_drawn(10 + n) for n in range(4)]
    gone = pictures[0]
    async with registry(seed_bundle=tmp_path / "seed", **in_s3) as http:
        assert (await http.get("/health/ready")).json()["checks"]["artifacts"] is True
        await add_model(http, "v1")
        uploads.records += [upload(one, "viral") for one in pictures]
        await _settled(uploads)
        image = f"/v1/dataset/images/{sha256_hex(gone)}"
        assert (await http.get(f"{image}/content")).content == gone
        assert (await http.delete(image)).status_code == 204
        assert (await http.get(image)).status_code == 404

    kept = {f"artifacts/{sha256_hex(each)}" for each in default_files("v1").values()}
    kept |= {
        f"artifacts/{sha256_hex(each.read_bytes())}"
        for each in (tmp_path / "seed").iterdir()
        if each.name != "manifest.json"
    }
    names = [sha256_hex(one) for one in pictures[1:]]
    assert _keys(objects) == kept | {f"retrain_data/{name[:2]}/{name}" for name in names}
    left = {path.name for path in settings.data_dir.rglob("*") if path.is_file()}
    assert left == {"registry.lock", "registry.id"}
    shutil.rmtree(settings.data_dir)

    async with registry(**in_s3) as http:
        assert (await http.get("/v1/models/current")).json()["version"] == "base-1"
        client = RegistryClient(http)
        record = await client.model("v1")
        content = default_files("v1")["model.bin"]
        begun = tmp_path / "cache" / record.bundle_sha256
        begun.mkdir(parents=True)
        (begun / "model.bin.part").write_bytes(content[:1000])
        bundle = await client.download_bundle(record, tmp_path / "cache")
        assert (bundle / "model.bin").read_bytes() == content
        part = await http.get(
            "/v1/models/v1/files/model.bin", headers={"Range": "bytes=-9", "If-Range": "no"}
        )
        assert part.content == content
        part = await http.get("/v1/models/v1/files/model.bin", headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, content[5:10])
        for one in pictures[1:]:
            found = await http.get(f"/v1/dataset/images/{sha256_hex(one)}/content")
            assert found.content == one
        insights = DatasetInsights.model_validate_json(
            (await http.get("/v1/dataset/insights")).content
        )
        assert (insights.images, insights.measured, insights.complete) == (3, 3, True)


async def test_an_object_that_is_cut_or_lost_is_refused_and_healed(
    registry: Registry,
    add_model: AddModel,
    in_s3: dict[str, Any],
    objects: S3Store,
    problem_of: ProblemOf,
) -> None:
    content = default_files("v1")["model.bin"]
    key = f"artifacts/{sha256_hex(content)}"
    path = "/v1/models/v1/files/model.bin"
    async with registry(**in_s3) as http:
        await add_model(http, "v1")
        obstore.put(objects, key, content[:-1])
        assert problem_of(await http.get(path)) == (503, "storage_unavailable")
        obstore.delete(objects, key)
        assert problem_of(await http.get(path)) == (503, "storage_unavailable")
        await add_model(http, "v1")
        assert (await http.get(path)).content == content


async def test_a_bucket_that_is_away_is_not_ready_and_answers_so(
    registry: Registry,
    uploads: MemoryUploads,
    upload: Callable[..., UploadRecord],
    in_s3: dict[str, Any],
    s3_endpoint: str,
    problem_of: ProblemOf,
    tmp_path: Path,
) -> None:
    away = in_s3 | {"files_url": "s3://made-later"}
    write_bundle(tmp_path / "seed")
    with pytest.raises(StartError, match=r"The seed bundle cannot be stored: S3: NoSuchBucket"):
        async with registry(seed_bundle=tmp_path / "seed", **away):
            pass
    async with registry(**away) as http:
        assert (await http.get("/health/ready")).status_code == 503
        answer = await http.put(f"/v1/artifacts/{sha256_hex(b'x')}", content=b"x")
        assert problem_of(answer) == (503, "storage_unavailable")
        uploads.records.append(upload(b"a radiograph"))
        async with asyncio.timeout(20):
            while "upload_failures_total 0" in (await http.get("/metrics")).text:
                await asyncio.sleep(0.01)
        assert (await http.get("/v1/dataset")).json()["total"] == 0
        made = await asyncio.to_thread(httpx.put, f"{s3_endpoint}/made-later")
        made.raise_for_status()
        await _settled(uploads)
        assert (await http.get("/v1/dataset")).json()["total"] == 1
        async with asyncio.timeout(20):
            while (await http.get("/health/ready")).status_code != 200:
                await asyncio.sleep(0.05)


async def test_a_backup_of_what_lies_in_s3_is_a_folder_and_fills_another_place(
    registry: Registry,
    fill_all: Any,
    settings: Settings,
    in_s3: dict[str, Any],
    objects: S3Store,
    tmp_path: Path,
) -> None:
    await fill_all(**in_s3)
    held = await asyncio.to_thread(back_up, settings.model_copy(update=in_s3), tmp_path / "saved")
    elsewhere = in_s3 | {
        "data_dir": tmp_path / "other",
        "files_url": f"{in_s3['files_url']}/other",
        "database_url": SecretStr(f"sqlite:///{tmp_path / 'other.db'}"),
    }
    target = settings.model_copy(update=elsewhere)
    assert await asyncio.to_thread(restore, target, tmp_path / "saved") == held
    kept = {key for key in _keys(objects) if not key.startswith("other/")}
    assert {f"other/{key}" for key in kept} == _keys(objects) - kept
    async with registry(**in_s3) as live, registry(**elsewhere) as copy:
        for asked in ("/v1/models/current", "/v1/dataset/snapshot"):
            assert (await copy.get(asked)).json() == (await live.get(asked)).json()


@pytest.mark.parametrize(
    "url",
    [
        "https://bucket",
        "s3a://bucket",
        "s3://",
        "s3://b",
        "s3://Bucket",
        "s3://key:secret@bucket",
        "s3://bucket/",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket?x=1",
        "s3://bucket\n",
    ],
)
def test_what_names_no_place_in_s3_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(files_url=url)
