"""Bad uploads over HTTP: every one a typed problem, and the next good one is taken."""

import random
import struct
import zipfile

import pytest

from shared.testing.archives import new_link, new_zip
from shared.testing.images import new_jpeg, new_png

MIB = 1024 * 1024
GOOD = new_jpeg()
NOISE = random.Random(0).randbytes(50_000)
ZIP_BODY = {"Content-Type": "application/zip"}


def files(*contents, field="files", name="a.jpeg"):
    return [(field, (name, content, "image/jpeg")) for content in contents]


def encrypted():
    content = bytearray(new_zip(("NORMAL/a.jpeg", GOOD)))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying(size_bytes):
    """A ZIP whose directory tells another size than there is."""
    content = bytearray(new_zip(("NORMAL/a.jpeg", GOOD)))
    struct.pack_into("<L", content, content.index(b"PK\x01\x02") + 24, size_bytes)
    return bytes(content)


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
    "too many pixels": (form(new_png((10_000, 6_000), mode="1")), 413, "too_many_pixels"),
    "one grey level": (form(new_png((64, 64), mode="1")), 422, "undecodable"),
    "too few pixels": (form(new_png((8, 300))), 422, "too_few_pixels"),
    "too large an image": (form(b"\xff\xd8\xff" + b"x" * (MIB // 2)), 413, "too_large"),
    "too large a body": (form(b"x" * (2 * MIB)), 413, "too_large"),
    "a body far too large": (
        {"content": b"", "headers": {**ZIP_BODY, "Content-Length": str(2**40)}},
        413,
        "too_large",
    ),
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
        zipped(*((f"NORMAL/{n}.bmp", NOISE + bytes(400_000)) for n in range(5))),
        413,
        "too_large",
    ),
    "too many files, not even to the end": (
        {
            "content": b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n' * 6,
            "headers": {"Content-Type": MULTIPART + "b"},
        },
        413,
        "too_many_files",
    ),
    "absolute": (zipped(("/NORMAL/a.jpeg", GOOD)), 422, "unsafe_name"),
    "climbing": (zipped(("NORMAL/../../a.jpeg", GOOD)), 422, "unsafe_name"),
    "backslashes": (zipped(("NORMAL\\a.jpeg", GOOD)), 422, "unsafe_name"),
    "a control character": (zipped(("NORMAL/a\n.jpeg", GOOD)), 422, "unsafe_name"),
    "a link": (zipped((new_link("NORMAL/a.jpeg"), b"/etc/passwd")), 422, "unsupported_entry"),
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
async def test_what_is_bad_is_a_typed_problem(controlling, registry, path, case):
    sent, status, code = BAD[case]
    async with controlling(registry.url) as client:
        refused = await client.post(path, **sent)
        good = await client.post(path, **form(GOOD))
    body = refused.json()
    assert (refused.status_code, body["code"]) == (status, code)
    assert refused.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert "/tmp" not in refused.text
    assert good.status_code == 202
    assert len(client.kept) == 1
