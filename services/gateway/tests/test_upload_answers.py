"""Uploads: archives by their bytes and names, counts, and the label that was meant."""

import numpy as np
import pytest

from shared.testing.archives import new_zip
from shared.testing.images import new_jpeg

GOOD, OTHER = new_jpeg(), new_jpeg(seed=1)
MIB = 1024 * 1024
UPLOADS = ("/v1/uploads", "/upload-data")
DICOM = bytes(128) + b"DICM" + bytes(100)
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.mark.parametrize("path", UPLOADS)
async def test_a_zip_is_known_by_its_bytes_where_its_type_says_nothing(controlling, registry, path):
    archive = new_zip(("NORMAL/a.jpeg", GOOD))

    async def pieces():
        for piece in (archive[:2], archive[2:9], archive[9:]):
            yield piece

    async with controlling(registry.url) as client:
        taken = await client.post(path, content=archive, headers=BYTES)
        in_pieces = await client.post(path, content=pieces(), headers=BYTES)
        refused = [
            await client.post(path, content=content, headers=BYTES)
            for content in (GOOD, b"PK", b"", b"no archive at all")
        ]
    for answer in (taken, in_pieces):
        assert (answer.status_code, answer.json()["accepted_count"]) == (202, 1)
    assert {(each.status_code, each.json()["code"]) for each in refused} == {
        (415, "unsupported_media_type")
    }


@pytest.mark.parametrize("path", UPLOADS)
async def test_the_counts_of_an_upload_stand_before_its_lists(controlling, registry, path):
    label = {"label": "NORMAL"}
    files = [("files", ("a", content)) for content in (GOOD, b"a letter", OTHER)]
    async with controlling(registry.url) as client:
        taken = (await client.post(path, data=label, files=files)).json()
        refused = (await client.post(path, data=label, files=files[1:2] * 2)).json()
    assert (taken["accepted_count"], taken["rejected_count"]) == (2, 1)
    assert (refused["accepted_count"], refused["rejected_count"]) == (0, 2)
    names = list(taken)
    assert names.index("rejected_count") < names.index("accepted")


@pytest.mark.parametrize(
    ("label", "offer"),
    [
        ("normal", "Send 'NORMAL'."),
        ("Pneumonia", "Send 'PNEUMONIA'."),
        ("NROMAL", "Did you mean 'NORMAL'?"),
        ("CAT", ""),
    ],
)
async def test_an_unknown_label_is_told_the_class_that_it_resembles(
    controlling, registry, label, offer
):
    async with controlling(registry.url) as client:
        refused = await client.post("/v1/uploads", data={"label": label}, files={"files": GOOD})
    detail = refused.json()["detail"]
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_label")
    assert offer in detail
    assert bool(offer) == ("Send '" in detail or "Did you mean" in detail)
    assert client.kept == []


@pytest.mark.parametrize(("name", "is_told"), [("IM000001", True), ("IM000001.dcm", False)])
async def test_a_large_dicom_file_in_a_zip_is_told_that_its_name_decides(
    controlling, registry, name, is_told
):
    content = DICOM + np.random.default_rng(0).bytes(MIB * 3 // 4)
    archive = new_zip((f"NORMAL/{name}", content))
    async with controlling(registry.url, max_upload_bytes=4 * MIB) as client:
        refused = await client.post("/v1/uploads", content=archive, headers=BYTES)
    assert (refused.json()["code"] == "too_large") == is_told
    assert (".dcm" in refused.json()["detail"]) == is_told
