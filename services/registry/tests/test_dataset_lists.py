"""Many images at once: listed in pages, deleted by upload or source."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from registry.adapters.uploads_memory import MemoryUploads
from registry.ports import UploadRecord
from registry.settings import Settings
from shared.testing.bundles import sha256_hex

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
MakeUpload = Callable[..., UploadRecord]
ProblemOf = Callable[[httpx.Response], tuple[int, str]]

LIST = "/v1/dataset/images"


async def _settled(uploads: MemoryUploads) -> None:
    async with asyncio.timeout(20):
        while uploads.committed < len(uploads.records):
            await asyncio.sleep(0.01)


def _files(settings: Settings) -> list[Path]:
    return [p for p in (settings.data_dir / "retrain_data").rglob("*") if p.is_file()]


async def test_pages_hold_every_image_once_though_one_is_deleted_between_them(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload
) -> None:
    async with registry() as http:
        uploads.records += [upload(f"image {n}".encode()) for n in range(7)]
        await _settled(uploads)
        everything = (await http.get(LIST)).json()
        assert everything["next"] is None
        first = (await http.get(f"{LIST}?limit=3")).json()
        await http.delete(f"{LIST}/{first['images'][-1]['sha256']}")
        seen, cursor = first["images"], first["next"]
        while cursor is not None:
            page = (await http.get(f"{LIST}?limit=3&cursor={cursor}")).json()
            seen, cursor = seen + page["images"], page["next"]
    assert seen == everything["images"]


async def test_images_are_listed_and_deleted_by_upload_and_source(
    registry: Registry,
    uploads: MemoryUploads,
    upload: MakeUpload,
    settings: Settings,
    problem_of: ProblemOf,
) -> None:
    async with registry() as http:
        uploads.records += [
            upload(b"a", source="ward-3", upload_id="u-1"),
            upload(b"b", source="ward-3", upload_id="u-2"),
            upload(b"a", source="ward-3", upload_id="u-2"),
            upload(b"c", source="ui", upload_id="u-3"),
        ]
        await _settled(uploads)
        by_upload = (await http.get(f"{LIST}?upload=u-2")).json()["images"]
        by_source = (await http.get(f"{LIST}?source=ward-3")).json()["images"]
        assert [each["sha256"] for each in by_upload] == [sha256_hex(b"b")]
        assert by_upload[0]["upload_id"] == "u-2"
        assert {each["sha256"] for each in by_source} == {sha256_hex(b"a"), sha256_hex(b"b")}

        assert problem_of(await http.delete(LIST)) == (400, "malformed_request")
        assert (await http.delete(f"{LIST}?upload=u-9")).json() == {"deleted": 0, "left": 0}
        assert (await http.delete(f"{LIST}?upload=u-2")).json() == {"deleted": 1, "left": 0}
        assert (await http.delete(f"{LIST}?source=ward-3")).json() == {"deleted": 1, "left": 0}
        left = (await http.get(LIST)).json()["images"]
        audit = (await http.get(f"{LIST}/{sha256_hex(b'a')}/audit")).json()["audit"]
    assert [each["sha256"] for each in left] == [sha256_hex(b"c")]
    assert len(_files(settings)) == 1
    assert [line["action"] for line in audit] == ["deleted"]


async def test_a_large_upload_is_deleted_in_several_requests(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload
) -> None:
    async with registry() as http:
        uploads.records += [upload(f"{n}".encode(), upload_id="u-1") for n in range(201)]
        await _settled(uploads)
        assert (await http.delete(f"{LIST}?upload=u-1")).json() == {"deleted": 200, "left": 1}
        assert (await http.delete(f"{LIST}?upload=u-1")).json() == {"deleted": 1, "left": 0}


@pytest.mark.parametrize(
    "bad", ["cursor=x", "cursor=1-ab", "source=a/b", "upload=%00", "limit=501"]
)
async def test_a_list_that_cannot_be_is_refused(
    registry: Registry, problem_of: ProblemOf, bad: str
) -> None:
    async with registry() as http:
        assert problem_of(await http.get(f"{LIST}?{bad}")) == (400, "malformed_request")
