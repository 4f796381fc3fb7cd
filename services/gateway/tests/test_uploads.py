"""Uploads over HTTP: what is taken, what is refused, and how it is said; Kafka is elsewhere."""

import asyncio
import io
import stat
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from hashlib import sha256

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.adapters.spool import new_spool
from gateway.adapters.zip_archive import ZipArchives
from gateway.core.uploads import Candidate, Part, UploadLimits
from gateway.http.app import new_app
from gateway.http.limits import UploadBodyLimits
from gateway.http.uploads import new_uploads_router
from gateway.ports import FaultError
from gateway.service.models import CurrentModel
from gateway.service.uploads import UploadService
from shared.control_client import new_control_client
from shared.kafka.publisher import BrokerUnavailableError
from shared.testing.images import new_jpeg

MIB = 1024 * 1024
GOOD = new_jpeg()


class Announced:
    """Nothing was announced: the registry is asked."""

    def current_model(self, name):
        return None


class KeptImages:
    """Confirms images until it is told to stop."""

    def __init__(self, confirms=10**6):
        self.kept = []
        self.confirms = confirms

    async def publish(self, sha256, headers, image):
        if len(self.kept) >= self.confirms:
            raise BrokerUnavailableError("gone")
        self.kept.append((sha256, headers, image))


@asynccontextmanager
async def uploading(registry_url, *, max_files=5, max_bytes=MIB, confirms=10**6, max_requests=8):
    kept = KeptImages(confirms)
    with ThreadPoolExecutor(1) as compute:
        async with new_control_client(registry_url) as control:
            service = UploadService(
                kept,
                ZipArchives(max_files, MIB // 2),
                CurrentModel("pneumonia", control, Announced()),
                compute,
                UploadLimits(max_files, MIB // 2, 2 * MIB, max_requests),
            )
            limits = UploadBodyLimits(max_bytes, max_files, 30)
            transport = httpx.ASGITransport(new_app(new_uploads_router(service, new_spool, limits)))
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                client.kept = kept.kept
                yield client


def files(*contents, field="files", name="a.jpeg"):
    return [(field, (name, content, "image/jpeg")) for content in contents]


def new_zip(*entries, method=zipfile.ZIP_DEFLATED):
    """Make a ZIP of (name or ZipInfo, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def a_link(name):
    line = zipfile.ZipInfo(name)
    line.external_attr = (stat.S_IFLNK | 0o777) << 16
    return line


def encrypted():
    content = bytearray(new_zip(("NORMAL/a.jpeg", GOOD)))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying(size_bytes):
    """A ZIP whose directory tells another size than there is."""
    content = bytearray(new_zip(("NORMAL/a.jpeg", GOOD)))
    struct.pack_into("<L", content, content.index(b"PK\x01\x02") + 24, size_bytes)
    return bytes(content)


def tiny(size=(8, 300)):
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, "PNG")
    return buffer.getvalue()


def bomb():
    buffer = io.BytesIO()
    Image.new("1", (10_000, 6_000)).save(buffer, "PNG")
    return buffer.getvalue()


async def test_good_images_are_confirmed_and_named(registry):
    form = {"label": "NORMAL", "patient_id": "p1", "source": "ward-3"}
    other = new_jpeg(seed=1)
    async with uploading(registry.url) as client:
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


@pytest.mark.parametrize("field", ["files[]", "files"])
async def test_the_seeds_route_answers_in_its_words_too(registry, field):
    async with uploading(registry.url) as client:
        answer = await client.post(
            "/upload-data", data={"label": "NORMAL"}, files=files(GOOD, field=field)
        )
    body = answer.json()
    assert answer.status_code == 202
    assert (body["uploaded"], body["message"]) == (1, "1 images accepted.")
    assert body["accepted"][0]["label"] == "NORMAL"


async def test_good_ones_are_taken_and_each_bad_one_is_named(registry):
    mixed = [
        ("files", ("../../etc/passwd", GOOD, "image/jpeg")),
        ("files", ("letter.txt", b"a letter", "image/jpeg")),
        ("files", ("cut.jpeg", GOOD[: len(GOOD) // 2], "image/jpeg")),
        ("files", ("empty.jpeg", b"", "image/jpeg")),
        ("files", ("good.png", tiny((64, 64)), "text/html")),
    ]
    async with uploading(registry.url) as client:
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
async def test_a_zips_top_folders_are_its_labels(registry, as_part):
    archive = new_zip(
        ("NORMAL/", b""),
        ("NORMAL/deep/er/a.jpeg", GOOD),
        ("PNEUMONIA/b.jpeg", new_jpeg(seed=1)),
        ("NORMAL/note.txt", b"hello"),
        ("OTHER/c.jpeg", GOOD),
        ("bare.jpeg", GOOD),
        ("__MACOSX/NORMAL/._a.jpeg", b"x"),
        ("NORMAL/.hidden.jpeg", GOOD),
        ("NORMAL/in.zip", new_zip(("NORMAL/a.jpeg", GOOD))),
        (a_link("NORMAL/link.jpeg"), b"/etc/passwd"),
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
    async with uploading(registry.url, max_files=20, max_bytes=2 * MIB) as client:
        answer = await client.post("/v1/uploads", **sent)
    body = answer.json()
    assert answer.status_code == 202
    assert [(image["filename"], image["label"]) for image in body["accepted"]] == [
        ("NORMAL/deep/er/a.jpeg", "NORMAL"),
        ("PNEUMONIA/b.jpeg", "PNEUMONIA"),
    ]
    assert {bad["filename"]: bad["code"] for bad in body["rejected"]} == {
        "NORMAL/note.txt": "unsupported_media_type",
        "OTHER/c.jpeg": "unknown_label",
        "bare.jpeg": "invalid_label",
        "__MACOSX/NORMAL/._a.jpeg": "unsupported_entry",
        "NORMAL/.hidden.jpeg": "unsupported_entry",
        "NORMAL/in.zip": "unsupported_entry",
        "NORMAL/link.jpeg": "unsupported_entry",
        "/NORMAL/abs.jpeg": "unsafe_name",
        "NORMAL/../up.jpeg": "unsafe_name",
        "NORMAL\\back.jpeg": "unsafe_name",
        "C:/drive.jpeg": "unsafe_name",
        "NORMAL/zeros.bmp": "too_compressed",
        "NORMAL/large.bin": "too_compressed",
    }
    assert len(client.kept) == 2


async def test_a_new_class_must_be_meant(registry):
    sent = {"data": {"label": "COVID-19"}, "files": files(GOOD)}
    meant = {"data": {"label": "COVID-19", "new_class": "true"}, "files": files(GOOD)}
    async with uploading(registry.url) as client:
        refused = await client.post("/v1/uploads", **sent)
        taken = await client.post("/v1/uploads", **meant)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_label")
    assert "NORMAL, PNEUMONIA" in refused.json()["detail"]
    assert (taken.status_code, taken.json()["accepted"][0]["label"]) == (202, "COVID-19")


def form(*contents, **fields):
    return {"data": {"label": "NORMAL"} | fields, "files": files(*contents)}


def zipped(*entries, **options):
    return {"content": new_zip(*entries, **options), "headers": ZIP_BODY}


NORMAL = ("NORMAL/a.jpeg", GOOD)
MULTIPART = "multipart/form-data; boundary="
BAD = {
    "no body": ({}, 415, "unsupported_media_type"),
    "json": ({"json": {"label": "NORMAL"}}, 415, "unsupported_media_type"),
    "no boundary": (
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "malformed_request",
    ),
    "endless boundary": (
        {"content": b"x", "headers": {"Content-Type": MULTIPART + "b" * 300}},
        400,
        "malformed_request",
    ),
    "a form cut short": (
        {
            "content": b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\nxx',
            "headers": {"Content-Type": MULTIPART + "b"},
        },
        400,
        "malformed_request",
    ),
    "no label": ({"files": files(GOOD)}, 400, "missing_field"),
    "an empty label": (form(GOOD, label=""), 400, "missing_field"),
    "no files": ({"data": {"label": "NORMAL"}, "files": {"x": b""}}, 400, "missing_field"),
    "a label that climbs": (form(GOOD, label="../NORMAL"), 422, "invalid_label"),
    "a label with slashes": (form(GOOD, label="a/b"), 422, "invalid_label"),
    "a formula": (form(GOOD, label="=1+1"), 422, "invalid_label"),
    "a label of bytes": (form(GOOD, label=b"\xff\xfe"), 422, "invalid_label"),
    "an endless label": (form(GOOD, label="a" * 2000), 400, "malformed_request"),
    "unknown": (form(GOOD, label="CAT"), 422, "unknown_label"),
    "a bad patient": (form(GOOD, patient_id="../x"), 400, "malformed_request"),
    "a bad source": (form(GOOD, source="a b"), 400, "malformed_request"),
    "a bad flag": (form(GOOD, new_class="maybe"), 400, "malformed_request"),
    "a letter": (form(b"a letter"), 415, "unsupported_media_type"),
    "empty": (form(b""), 400, "empty_file"),
    "cut": (form(GOOD[:900]), 422, "undecodable"),
    "too many pixels": (form(bomb()), 413, "too_many_pixels"),
    "too few pixels": (form(tiny()), 422, "too_few_pixels"),
    "too large an image": (form(b"\xff\xd8\xff" + b"x" * (MIB // 2)), 413, "too_large"),
    "too large a body": (form(b"x" * (2 * MIB)), 413, "too_large"),
    "two kinds of bad": (form(b"", b"a letter"), 422, "nothing_accepted"),
    "too many files": (form(*[GOOD] * 6), 413, "too_many_files"),
    "too many fields": (form(GOOD, **{f"x{n}": "1" for n in range(20)}), 400, "malformed_request"),
    "no zip": ({"content": b"no zip", "headers": ZIP_BODY}, 422, "undecodable"),
    "an empty body as zip": ({"content": b"", "headers": ZIP_BODY}, 422, "undecodable"),
    "a cut zip": ({"content": new_zip(NORMAL)[:-40], "headers": ZIP_BODY}, 422, "undecodable"),
    "a cut zip in a form": (form(new_zip(NORMAL)[:-40]), 422, "undecodable"),
    "an empty zip": (zipped(), 400, "missing_field"),
    "too many in a zip": (
        zipped(*((f"NORMAL/{n}.jpeg", GOOD) for n in range(6))),
        413,
        "too_many_files",
    ),
    "a zip bomb": (zipped(("NORMAL/a.png", b"\0" * (4 * MIB))), 413, "too_compressed"),
    "a zip that unpacks to too much": (
        zipped(*((f"NORMAL/{n}.bmp", bytes(60) * 500 + GOOD * 160) for n in range(5))),
        413,
        "too_large",
    ),
    "absolute": (zipped(("/NORMAL/a.jpeg", GOOD)), 422, "unsafe_name"),
    "climbing": (zipped(("NORMAL/../../a.jpeg", GOOD)), 422, "unsafe_name"),
    "backslashes": (zipped(("NORMAL\\a.jpeg", GOOD)), 422, "unsafe_name"),
    "a control character": (zipped(("NORMAL/a\n.jpeg", GOOD)), 422, "unsafe_name"),
    "a link": (zipped((a_link("NORMAL/a.jpeg"), b"/etc/passwd")), 422, "unsupported_entry"),
    "encrypted": ({"content": encrypted(), "headers": ZIP_BODY}, 422, "unsupported_entry"),
    "lzma": (zipped(NORMAL, method=zipfile.ZIP_LZMA), 422, "unsupported_entry"),
    "a lie of less": ({"content": lying(1_000), "headers": ZIP_BODY}, 422, "undecodable"),
    "a lie beyond all": ({"content": lying(2**31), "headers": ZIP_BODY}, 413, "too_compressed"),
    "a folder with slashes": (zipped(("NOR MAL/a.jpeg", GOOD)), 422, "invalid_label"),
    "an endless directory": (
        zipped(*((f"{n:04}{'x' * 200}/", b"") for n in range(1500)), method=zipfile.ZIP_STORED),
        413,
        "too_many_files",
    ),
}


@pytest.mark.parametrize("path", ["/v1/uploads", "/upload-data"])
@pytest.mark.parametrize("case", BAD)
async def test_what_is_bad_is_a_typed_problem(registry, path, case):
    sent, status, code = BAD[case]
    async with uploading(registry.url) as client:
        refused = await client.post(path, **sent)
        good = await client.post(path, **form(GOOD))
    body = refused.json()
    assert (refused.status_code, body["code"]) == (status, code)
    assert refused.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert "/tmp" not in refused.text
    assert good.status_code == 202
    assert len(client.kept) == 1


async def test_of_all_rejected_each_is_listed(registry):
    async with uploading(registry.url) as client:
        refused = await client.post("/v1/uploads", **form(b"", b"a letter"))
    assert [bad["code"] for bad in refused.json()["rejected"]] == [
        "empty_file",
        "unsupported_media_type",
    ]
    assert refused.json()["accepted"] == []


async def test_a_broker_that_fails_midway_leaves_a_list_of_what_is_safe(registry):
    many = [new_jpeg(seed=n) for n in range(4)]
    async with uploading(registry.url, confirms=2) as client:
        refused = await client.post("/v1/uploads", **form(b"", *many))
    body = refused.json()
    assert (refused.status_code, body["code"]) == (503, "broker_unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert [image["sha256"] for image in body["accepted"]] == [
        sha256(each).hexdigest() for each in many[:2]
    ]
    assert [bad["code"] for bad in body["rejected"]] == ["empty_file"]


async def test_too_many_uploads_at_once_are_told_to_come_back(registry):
    async with uploading(registry.url, max_requests=1) as client:
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


async def test_without_the_registry_only_new_classes_can_be_taken():
    async with uploading("http://127.0.0.1:1") as client:
        refused = await client.post("/v1/uploads", **form(GOOD))
        taken = await client.post("/v1/uploads", **form(GOOD, new_class="true"))
    assert (refused.status_code, refused.json()["code"]) == (503, "registry_unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert taken.status_code == 202


def unpack_all(content):
    """List a ZIP and read all that is listed, as an upload does."""
    with new_spool() as spool:
        spool.append(content)
        found = ZipArchives(50, MIB).list_images(spool, Part(None, 0, len(content)))
        for each in found:
            if isinstance(each, Candidate):
                try:
                    each.read()
                except FaultError:
                    continue


SOUND = new_zip(NORMAL, ("PNEUMONIA/b.jpeg", new_jpeg(size_px=40)))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=6))
def test_no_damage_to_a_zip_is_anything_but_a_fault(damage):
    content = bytearray(SOUND)
    for place, value in damage:
        content[place] = value
    try:
        unpack_all(bytes(content))
    except FaultError as error:
        assert error.fault.detail
