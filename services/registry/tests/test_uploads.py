"""Uploads on their way into the dataset, whatever fails meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx

from registry.adapters.uploads_memory import MemoryUploads
from registry.ports import UploadRecord
from registry.settings import Settings
from shared.testing.bundles import sha256_hex

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
MakeUpload = Callable[..., UploadRecord]
ProblemOf = Callable[[httpx.Response], tuple[int, str]]

CONTENT = b"a radiograph"
SHA256 = sha256_hex(CONTENT)
IMAGE = f"/v1/dataset/images/{SHA256}"
MALFORMED = (400, "malformed_request")
NOT_FOUND = (404, "not_found")


async def _settled(uploads: MemoryUploads) -> None:
    async with asyncio.timeout(20):
        while uploads.committed < len(uploads.records):
            await asyncio.sleep(0.01)


def _files(settings: Settings) -> list[Path]:
    return [p for p in (settings.data_dir / "retrain_data").rglob("*") if p.is_file()]


async def _metric(http: httpx.AsyncClient, name: str) -> float:
    lines = (await http.get("/metrics")).text.splitlines()
    return next((float(x.split()[-1]) for x in lines if x.startswith(f"{name} ")), 0.0)


async def test_the_same_upload_again_changes_nothing(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload, settings: Settings
) -> None:
    async with registry() as http:
        uploads.records += [upload(CONTENT)] * 3
        await _settled(uploads)
        before = (await http.get(IMAGE)).json()
        uploads.records += [upload(CONTENT, patient="another"), upload(CONTENT)]
        await _settled(uploads)
        assert (await http.get(IMAGE)).json() == before
        assert (await http.get("/v1/dataset")).json()["total"] == 1
        assert [path.name for path in _files(settings)] == [SHA256]
        assert _files(settings)[0].parent.name == SHA256[:2]
        stored = await _metric(http, 'pneumo_registry_uploads_total{effect="stored"}')
        duplicate = await _metric(http, 'pneumo_registry_uploads_total{effect="duplicate"}')
        assert (stored, duplicate) == (1, 4)


async def test_a_deleted_image_stays_deleted_when_its_record_comes_again(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload, settings: Settings
) -> None:
    async with registry() as http:
        uploads.records.append(upload(CONTENT, made_at_ms=1))
        await _settled(uploads)
        for _ in range(2):
            assert (await http.delete(IMAGE)).status_code == 204
        uploads.records.append(upload(CONTENT, made_at_ms=1))
        await _settled(uploads)
        assert (await http.get(IMAGE)).status_code == 404
        assert _files(settings) == []
        # Uploaded anew, it is a new image, whatever the clock of the gateway says.
        uploads.records.append(upload(CONTENT, "viral", offset=1, made_at_ms=1))
        await _settled(uploads)
        assert (await http.get(IMAGE)).json()["label"] == "viral"
        assert len((await http.get(f"{IMAGE}/audit")).json()["audit"]) == 1


async def test_records_that_are_no_uploads_are_passed_by_and_counted(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload
) -> None:
    good = upload(CONTENT)
    bad = [
        upload(b"x", headers=[]),
        upload(b"x", headers=[("schema", b"\xff")]),
        upload(b"x", headers=[*good.headers[:-2], ("label", b"../../etc")]),
        upload(b"x", key=None),
        upload(b"x", key=b"../../etc/passwd"),
        upload(b"x", value=None),
        upload(b"", key=sha256_hex(b"").encode()),
        upload(b"x", content_type="image/png\r\nX-Evil: 1"),
        upload(b"x", content_type="image/\0png"),
    ]
    async with registry() as http:
        uploads.records += [*bad, good]
        await _settled(uploads)
        assert (await http.get("/v1/dataset")).json()["total"] == 1
        unreadable = await _metric(http, 'pneumo_registry_uploads_total{effect="unreadable"}')
        assert unreadable == len(bad)
        assert await _metric(http, "pneumo_registry_uploads_waiting") == 0


async def test_uploads_wait_while_the_disk_fails_and_none_is_lost(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload, settings: Settings
) -> None:
    incoming = settings.data_dir / "retrain_data" / ".incoming"
    async with registry() as http:
        incoming.rmdir()
        uploads.records += [upload(CONTENT), upload(b"other")]
        async with asyncio.timeout(20):
            while await _metric(http, "pneumo_registry_upload_failures_total") < 2:
                await asyncio.sleep(0.01)
        assert uploads.committed == 0
        assert await _metric(http, "pneumo_registry_uploads_waiting") == 2
        assert (await http.get("/v1/dataset")).json()["total"] == 0
        assert (await http.get("/health/ready")).is_success
        incoming.mkdir()
        await _settled(uploads)
        assert (await http.get("/v1/dataset")).json()["total"] == 2


async def test_a_bug_in_reading_stops_neither_http_nor_loses_the_upload(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload
) -> None:
    async with registry() as http:
        uploads.records.append(upload(CONTENT, headers=None))  # nobody foresaw this
        async with asyncio.timeout(20):
            while await _metric(http, "pneumo_registry_upload_failures_total") < 2:
                await asyncio.sleep(0.01)
        assert (await http.get("/health/ready")).is_success
        assert uploads.committed == 0
        uploads.records[0] = upload(CONTENT)
        await _settled(uploads)
        assert (await http.get("/v1/dataset")).json()["total"] == 1


async def test_a_dataset_that_is_full_waits_for_deletions(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload, settings: Settings
) -> None:
    async with registry(max_dataset_bytes=len(CONTENT) + 3) as http:
        uploads.records.append(upload(CONTENT))
        await _settled(uploads)
        uploads.records.append(upload(b"more"))
        async with asyncio.timeout(20):
            while await _metric(http, "pneumo_registry_upload_failures_total") < 1:
                await asyncio.sleep(0.01)
        assert (await http.get("/v1/dataset")).json()["total"] == 1
    # What it has is counted after a restart, too, and what is there already needs no room.
    uploads.records[-1] = upload(CONTENT)
    async with registry(max_dataset_bytes=len(CONTENT) + 3) as http:
        await _settled(uploads)
        uploads.records += [upload(b"yes"), upload(b"yes"), upload(b"!")]
        async with asyncio.timeout(20):
            while await _metric(http, "pneumo_registry_upload_failures_total") < 1:
                await asyncio.sleep(0.01)
        assert (await http.get("/v1/dataset")).json()["total"] == 1
        assert len(_files(settings)) == 1
        await http.delete(IMAGE)
        await _settled(uploads)
        assert (await http.get("/v1/dataset")).json()["total"] == 2


async def test_a_lost_commit_or_broker_repeats_the_records_and_changes_nothing(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload
) -> None:
    uploads.is_reachable = False
    async with registry() as http:
        assert (await http.get("/health/ready")).is_success
        uploads.loses = 2
        uploads.records.append(upload(CONTENT))
        uploads.is_reachable = True
        await _settled(uploads)
        assert uploads.loses == 0
        assert (await http.get("/v1/dataset")).json()["total"] == 1
        assert (await http.get(f"{IMAGE}/audit")).json() == {"audit": []}


async def test_a_file_that_was_lost_or_cut_is_refused_and_healed_by_the_same_upload(
    registry: Registry,
    uploads: MemoryUploads,
    upload: MakeUpload,
    settings: Settings,
    problem_of: ProblemOf,
) -> None:
    async with registry() as http:
        uploads.records.append(upload(CONTENT))
        await _settled(uploads)
        file = _files(settings)[0]
        for damage in (lambda: file.write_bytes(CONTENT[:-1]), file.unlink):
            damage()
            cut = await http.get(f"{IMAGE}/content")
            assert problem_of(cut) == (503, "storage_unavailable")
            uploads.records.append(upload(CONTENT))
            await _settled(uploads)
            assert (await http.get(f"{IMAGE}/content")).content == CONTENT


async def test_a_deletion_that_was_cut_short_is_finished_at_the_next_start(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload, settings: Settings
) -> None:
    async with registry() as http:
        uploads.records += [upload(CONTENT), upload(b"other")]
        await _settled(uploads)
        file = next(path for path in _files(settings) if path.name == SHA256)
        await http.delete(IMAGE)
    file.write_bytes(CONTENT)  # as if it had been killed behind the row
    async with registry() as http:
        async with asyncio.timeout(10):
            while [path.name for path in _files(settings)] != [sha256_hex(b"other")]:
                await asyncio.sleep(0.01)
        assert (await http.get("/v1/dataset")).json()["total"] == 1


async def test_what_there_is_can_be_counted_from_outside(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload, fill: Callable[..., Any]
) -> None:
    async with registry() as http:
        await fill(http, 5)
        uploads.records.append(upload(b"NORMAL 0", "viral"))
        await _settled(uploads)
        await http.post("/v1/jobs", json={"id": "01234567-89ab-7def-8123-456789abcdef"})
    async with registry() as http:
        async with asyncio.timeout(10):
            while not await _metric(http, 'pneumo_registry_jobs{state="queued"}'):
                await asyncio.sleep(0.01)
        assert await _metric(http, 'pneumo_registry_dataset_images{label="NORMAL"}') == 5
        assert await _metric(http, "pneumo_registry_dataset_conflicts") == 1
