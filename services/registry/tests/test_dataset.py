"""The dataset: from a record of `uploads.labelled` to what a training sees."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from registry.adapters.uploads_memory import MemoryUploads
from registry.ports import UploadRecord
from registry.settings import Settings
from shared.contracts.dataset import DatasetImage, DatasetSnapshot, DatasetSummary
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


async def test_an_upload_is_stored_relabelled_and_deleted(
    registry: Registry,
    uploads: MemoryUploads,
    upload: MakeUpload,
    settings: Settings,
    problem_of: ProblemOf,
) -> None:
    """The typical journey: the file to open first."""
    async with registry() as http:
        uploads.records.append(upload(CONTENT, patient="p-1"))
        await _settled(uploads)
        image = DatasetImage.model_validate_json((await http.get(IMAGE)).content)
        assert (image.label, image.patient, image.size_bytes) == ("NORMAL", "p-1", len(CONTENT))
        content = await http.get(f"{IMAGE}/content")
        assert (content.content, content.headers["content-type"]) == (CONTENT, "image/png")
        assert content.headers["etag"] == f'"{SHA256}"'

        relabelled = await http.patch(IMAGE, json={"label": "viral"})
        assert DatasetImage.model_validate_json(relabelled.content).label == "viral"
        summary = DatasetSummary.model_validate_json((await http.get("/v1/dataset")).content)
        assert (summary.total, summary.by_class) == (1, {"viral": 1})
        assert summary.by_source == {"upload": 1}

        assert (await http.delete(IMAGE)).status_code == 204
        assert problem_of(await http.get(IMAGE)) == NOT_FOUND
        assert problem_of(await http.get(f"{IMAGE}/content")) == NOT_FOUND
        assert (await http.get("/v1/dataset")).json()["total"] == 0
        assert _files(settings) == []
        audit = (await http.get(f"{IMAGE}/audit")).json()["audit"]
    assert [(line["action"], line["detail"]) for line in audit] == [
        ("relabelled", "viral, not NORMAL"),
        ("deleted", "was viral"),
    ]


async def test_another_label_is_a_conflict_until_somebody_decides(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload
) -> None:
    async with registry() as http:
        uploads.records += [upload(CONTENT), upload(CONTENT, "viral"), upload(b"other", "viral")]
        await _settled(uploads)
        image = (await http.get(IMAGE)).json()
        assert (image["label"], image["conflict"]) == ("NORMAL", ["viral"])
        assert (await http.get("/v1/dataset")).json()["conflicts"] == 1
        snapshot = DatasetSnapshot.model_validate_json(
            (await http.get("/v1/dataset/snapshot")).content
        )
        assert [each.sha256 for each in snapshot.images] == [sha256_hex(b"other")]
        listed = (await http.get("/v1/dataset/images?conflict=true")).json()["images"]
        assert [each["sha256"] for each in listed] == [SHA256]

        decided = [(await http.patch(IMAGE, json={"label": "NORMAL"})).json() for _ in range(2)]
        assert decided[0] == decided[1]
        assert (decided[0]["label"], decided[0]["conflict"]) == ("NORMAL", [])
        uploads.records.append(upload(CONTENT, "viral"))  # the overruled word again
        await _settled(uploads)
        assert (await http.get("/v1/dataset")).json()["conflicts"] == 0
        after = DatasetSnapshot.model_validate_json(
            (await http.get("/v1/dataset/snapshot")).content
        )
        assert len(after.images) == 2
        assert after.sha256 != snapshot.sha256
        audit = (await http.get(f"{IMAGE}/audit")).json()["audit"]
    assert [line["action"] for line in audit] == ["conflict", "relabelled"]


async def test_images_are_listed_newest_first_and_by_label(
    registry: Registry, uploads: MemoryUploads, upload: MakeUpload, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        for n in range(3):
            uploads.records.append(upload(f"image {n}".encode(), "viral" if n else "NORMAL"))
            await _settled(uploads)
        listed = (await http.get("/v1/dataset/images?label=viral&limit=1")).json()["images"]
        assert [each["label"] for each in listed] == ["viral"]
        assert len((await http.get("/v1/dataset/images")).json()["images"]) == 3
        for bad in ("limit=0", "limit=501", "label=..%2Fetc", "conflict=perhaps"):
            assert problem_of(await http.get(f"/v1/dataset/images?{bad}")) == MALFORMED


@pytest.mark.parametrize("verb", ["GET ", "GET /content", "GET /audit", "PATCH ", "DELETE "])
async def test_an_image_that_is_none_is_not_found_and_a_path_is_no_sha256(
    registry: Registry, problem_of: ProblemOf, verb: str
) -> None:
    method, tail = verb.split(" ")
    body = {"label": "viral"} if method == "PATCH" else None
    async with registry() as http:
        assert problem_of(await http.request(method, IMAGE + tail, json=body)) == NOT_FOUND
        for bad in (
            "x",
            SHA256.upper(),
            f"{SHA256}%0A",
            SHA256[:-1],
            "a" * 5000,
            "..%5Cetc",
            "%00",
        ):
            answer = await http.request(method, f"/v1/dataset/images/{bad}{tail}", json=body)
            assert problem_of(answer) == MALFORMED
        path = "..%2F..%2Fregistry.db"
        answer = await http.request(method, f"/v1/dataset/images/{path}{tail}", json=body)
        assert problem_of(answer)[0] in (400, 404)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", MALFORMED),
        (b"[]", MALFORMED),
        (b'{"label": 5}', MALFORMED),
        (b'{"label": "../../etc"}', MALFORMED),
        (b'{"label": "=1+1"}', MALFORMED),
        (b'{"label": "a\\n"}', MALFORMED),
        (b'{"label": ' + b"[" * 1000 + b"]" * 1000 + b"}", MALFORMED),
        (b'{"label": "' + b"a" * 5000 + b'"}', (413, "too_large")),
    ],
)
async def test_a_label_that_is_none_is_refused(
    registry: Registry,
    uploads: MemoryUploads,
    upload: MakeUpload,
    problem_of: ProblemOf,
    body: bytes,
    expected: tuple[int, str],
) -> None:
    async with registry() as http:
        uploads.records.append(upload(CONTENT))
        await _settled(uploads)
        assert problem_of(await http.patch(IMAGE, content=body)) == expected
        assert (await http.get(IMAGE)).json()["label"] == "NORMAL"
