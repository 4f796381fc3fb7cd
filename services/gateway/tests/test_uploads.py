"""Uploads over HTTP: what is taken, what is refused, and how it is said; Kafka is elsewhere."""

import asyncio
from hashlib import sha256

import pytest

from shared.testing.archives import new_link, new_zip
from shared.testing.images import new_jpeg, new_png

MIB = 1024 * 1024
GOOD = new_jpeg()
NORMAL = ("NORMAL/a.jpeg", GOOD)


def files(*contents, field="files", name="a.jpeg"):
    return [(field, (name, content, "image/jpeg")) for content in contents]


def form(*contents, **fields):
    return {"data": {"label": "NORMAL"} | fields, "files": files(*contents)}


async def test_good_images_are_confirmed_and_named(controlling, registry):
    form = {"label": "NORMAL", "patient_id": "p1", "source": "ward-3"}
    other = new_jpeg(seed=1)
    async with controlling(registry.url) as client:
        answer = await client.post("/v1/uploads", data=form, files=files(GOOD, other))
    body = answer.json()
    assert answer.status_code == 202
    assert body["rejected"] == []
    assert [image["sha256"] for image in body["accepted"]] == [
        sha256(GOOD).hexdigest(),
        sha256(other).hexdigest(),
    ]
    assert [key for key, _, _ in client.kept] == [image["sha256"] for image in body["accepted"]]
    _, headers, value = client.kept[0]
    assert value == GOOD
    assert (headers.id, headers.label) == (body["accepted"][0]["id"], "NORMAL")
    assert (headers.patient, headers.source) == ("p1", "ward-3")
    assert headers.content_type == "image/jpeg"
    assert {headers.upload_id for _, headers, _ in client.kept} == {
        image["upload_id"] for image in body["accepted"]
    }
    assert len({image["upload_id"] for image in body["accepted"]}) == 1


@pytest.mark.parametrize("field", ["files[]", "files"])
async def test_the_seeds_route_answers_in_its_words_too(controlling, registry, field):
    async with controlling(registry.url) as client:
        answer = await client.post(
            "/upload-data", data={"label": "NORMAL"}, files=files(GOOD, field=field)
        )
    body = answer.json()
    assert answer.status_code == 202
    assert (body["uploaded"], body["message"]) == (1, "Images accepted: 1.")
    assert body["accepted"][0]["label"] == "NORMAL"


async def test_good_ones_are_taken_and_each_bad_one_is_named(controlling, registry):
    mixed = [
        ("files", ("../../etc/passwd", GOOD, "image/jpeg")),
        ("files", ("letter.txt", b"a letter", "image/jpeg")),
        ("files", ("cut.jpeg", GOOD[: len(GOOD) // 2], "image/jpeg")),
        ("files", ("empty.jpeg", b"", "image/jpeg")),
        ("files", ("good.png", new_png((64, 64)), "text/html")),
    ]
    async with controlling(registry.url) as client:
        answer = await client.post("/v1/uploads", data={"label": "NORMAL"}, files=mixed)
    body = answer.json()
    assert answer.status_code == 202
    assert [image["filename"] for image in body["accepted"]] == ["../../etc/passwd", "good.png"]
    assert [(bad["filename"], bad["code"]) for bad in body["rejected"]] == [
        ("letter.txt", "unsupported_media_type"),
        ("cut.jpeg", "undecodable"),
        ("empty.jpeg", "empty_file"),
    ]
    assert client.kept[1][1].content_type == "image/png"


ZIP_BODY = {"Content-Type": "application/zip"}


@pytest.mark.parametrize("as_part", [True, False])
async def test_the_folder_of_an_image_in_a_zip_is_its_label(controlling, registry, as_part):
    archive = new_zip(
        ("NORMAL/", b""),
        ("wrapped/NORMAL/a.jpeg", GOOD),
        ("NORMAL/deep/er/a.jpeg", GOOD),
        ("PNEUMONIA/b.jpeg", new_jpeg(seed=1)),
        ("NORMAL/note.txt", b"hello"),
        ("OTHER/c.jpeg", GOOD),
        ("bare.jpeg", GOOD),
        ("__MACOSX/NORMAL/._a.jpeg", b"x"),
        ("NORMAL/.hidden.jpeg", GOOD),
        ("NORMAL/in.zip", new_zip(("NORMAL/a.jpeg", GOOD))),
        (new_link("NORMAL/link.jpeg"), b"/etc/passwd"),
        ("/NORMAL/abs.jpeg", GOOD),
        ("NORMAL/../up.jpeg", GOOD),
        ("NORMAL\\back.jpeg", GOOD),
        ("C:/drive.jpeg", GOOD),
        ("NORMAL/zeros.bmp", b"\0" * 400_000),
        ("NORMAL/large.bin", bytes(range(256)) * 3_000),
    )
    sent = (
        {"files": files(archive, name="all.zip")}
        if as_part
        else {"content": archive, "headers": ZIP_BODY}
    )
    async with controlling(registry.url, max_upload_files=20, max_upload_bytes=2 * MIB) as client:
        answer = await client.post("/v1/uploads", **sent)
    body = answer.json()
    assert answer.status_code == 202
    assert [(image["filename"], image["label"]) for image in body["accepted"]] == [
        ("wrapped/NORMAL/a.jpeg", "NORMAL"),
        ("NORMAL/deep/er/a.jpeg", "NORMAL"),
        ("PNEUMONIA/b.jpeg", "PNEUMONIA"),
    ]
    assert {bad["filename"]: bad["code"] for bad in body["rejected"]} == {
        "NORMAL/note.txt": "unsupported_media_type",
        "OTHER/c.jpeg": "unknown_label",
        "bare.jpeg": "invalid_label",
        "NORMAL/in.zip": "unsupported_entry",
        "NORMAL/link.jpeg": "unsupported_entry",
        "/NORMAL/abs.jpeg": "unsafe_name",
        "NORMAL/../up.jpeg": "unsafe_name",
        "NORMAL\\back.jpeg": "unsafe_name",
        "C:/drive.jpeg": "unsafe_name",
        "NORMAL/zeros.bmp": "too_compressed",
        "NORMAL/large.bin": "too_compressed",
    }
    assert len(client.kept) == 3


async def test_a_new_class_must_be_meant(controlling, registry):
    sent = {"data": {"label": "COVID-19"}, "files": files(GOOD)}
    meant = {"data": {"label": "COVID-19", "new_class": "true"}, "files": files(GOOD)}
    async with controlling(registry.url) as client:
        refused = await client.post("/v1/uploads", **sent)
        taken = await client.post("/v1/uploads", **meant)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_label")
    assert "NORMAL, PNEUMONIA" in refused.json()["detail"]
    assert (taken.status_code, taken.json()["accepted"][0]["label"]) == (202, "COVID-19")


async def test_of_all_rejected_each_is_listed(controlling, registry):
    async with controlling(registry.url) as client:
        refused = await client.post("/v1/uploads", **form(b"", b"a letter"))
    assert [bad["code"] for bad in refused.json()["rejected"]] == [
        "empty_file",
        "unsupported_media_type",
    ]
    assert refused.json()["accepted"] == []


async def test_a_broker_that_fails_midway_leaves_a_list_of_what_is_safe(controlling, registry):
    many = [new_jpeg(seed=n) for n in range(4)]
    async with controlling(registry.url, confirms=2) as client:
        refused = await client.post("/v1/uploads", **form(b"", *many))
    body = refused.json()
    assert (refused.status_code, body["code"]) == (503, "broker_unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert [image["sha256"] for image in body["accepted"]] == [
        sha256(each).hexdigest() for each in many[:2]
    ]
    assert [bad["code"] for bad in body["rejected"]] == ["empty_file"]


async def test_too_many_uploads_at_once_are_told_to_come_back(controlling, registry):
    async with controlling(registry.url, max_uploads=1) as client:
        begun = asyncio.Event()
        go_on = asyncio.Event()

        async def slowly():
            begun.set()
            yield new_zip(NORMAL)[:10]
            await go_on.wait()
            yield new_zip(NORMAL)[10:]

        slow = asyncio.create_task(client.post("/v1/uploads", content=slowly(), headers=ZIP_BODY))
        await begun.wait()
        while (refused := await client.post("/v1/uploads", **form(GOOD))).status_code == 202:
            await asyncio.sleep(0)
        go_on.set()
        assert (await slow).status_code == 202
        after = await client.post("/v1/uploads", **form(GOOD))
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "1"
    assert after.status_code == 202


@pytest.mark.parametrize("new_class", ["false", "true"])
async def test_without_the_registry_no_label_can_be_checked(controlling, new_class):
    async with controlling("http://127.0.0.1:1") as client:
        refused = await client.post("/v1/uploads", **form(GOOD, new_class=new_class))
    assert (refused.status_code, refused.json()["code"]) == (503, "registry_unavailable")
    assert refused.headers["Retry-After"] == "5"


async def test_new_classes_of_a_wrapped_zip_are_its_inner_folders(controlling, registry):
    archive = new_zip(
        ("my_xrays/", b""),
        ("my_xrays/.DS_Store", b"x"),
        ("my_xrays/NORMAL/a.jpeg", GOOD),
        ("my_xrays/COVID-19/b.jpeg", new_jpeg(seed=1)),
        ("my_xrays/covid-19/c.jpeg", new_jpeg(seed=2)),
        ("my_xrays/Normal/d.jpeg", new_jpeg(seed=3)),
        ("my_xrays/stray.jpeg", new_jpeg(seed=4)),
    )
    async with controlling(registry.url) as client:
        answer = await client.post("/v1/uploads?new_class=true", content=archive, headers=ZIP_BODY)
        unmeant = await client.post("/v1/uploads", content=archive, headers=ZIP_BODY)
    body = answer.json()
    assert [image["label"] for image in body["accepted"]] == ["NORMAL", "COVID-19"]
    assert {bad["filename"]: bad["code"] for bad in body["rejected"]} == {
        "my_xrays/covid-19/c.jpeg": "unknown_label",
        "my_xrays/Normal/d.jpeg": "unknown_label",
        "my_xrays/stray.jpeg": "invalid_label",
    }
    refused = {bad["filename"]: bad["detail"] for bad in unmeant.json()["rejected"]}
    assert "new_class" not in refused["my_xrays/stray.jpeg"]
    assert "the folder that it lies in" in refused["my_xrays/COVID-19/b.jpeg"]


async def test_a_class_in_other_capitals_is_asked_back(controlling, registry):
    registry.add_image("ab" * 32)
    async with controlling(registry.url) as client:
        upload = await client.post("/v1/uploads", **form(GOOD, label="Normal", new_class="true"))
        change = await client.patch(f"/v1/dataset/images/{'ab' * 32}", json={"label": "normal"})
    for refused in (upload, change):
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_label")
        assert "'NORMAL'" in refused.json()["detail"]
