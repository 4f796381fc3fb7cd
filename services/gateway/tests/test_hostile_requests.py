"""Requests that are whole and odd: each refused with a typed 4xx, and nothing given away."""

import struct

import pytest

from shared.testing.images import new_jpeg
from shared.testing.wire import GIVEAWAYS, head, status_of, told

pytestmark = pytest.mark.kafka


PATHS = (
    "GET /../../etc/passwd",
    "GET /%2e%2e/%2e%2e/etc/passwd",
    "GET /v1/models/..%2f..%2fetc%2fpasswd",
    "GET /v1/models/%00",
    "GET /v1/models/%ff%fe",
    "GET /v1/models/" + "a" * 5_000,
    "GET /v1/predictions/%2e%2e",
    "GET /v1/predictions/' OR 1=1",
    "GET /v1/predictions/00000000-0000-7000-8000-000000000000",
    "GET /v1/predictions/01a21026-db50-722a-9279-0edd37eea32a%0A",
    "GET /v1/jobs/not-an-id",
    "GET /v1/jobs/00000000-0000-7000-8000-00000000000%0a",
    "GET /v1/jobs?limit=-1",
    "GET /v1/jobs?limit=" + "9" * 5_000,
    "GET /v1/jobs?limit=%ff",
    "GET /v1/dataset/images/xyz",
    "DELETE /v1/dataset/images/..",
    "POST /v1/models/%2e%2e/promote",
    "POST /v1/models/rollback?from_version=../../x",
    "GET //predict",
    "GET /predict",
    "PUT /predict",
    "DELETE /status",
    "TRACE /status",
    "PATCH /v1/jobs",
    "POST /health/live",
    "GET http://elsewhere/v1/nothing",
    "GET /docs/../nothing",
)


async def test_odd_paths_and_methods_are_refused_and_nothing_is_given_away(run_gateway):
    async with run_gateway() as client:
        for line in PATHS:
            asked = head(f"{line.replace(' OR ', '%20OR%20')} HTTP/1.1", "Connection: close")
            answer = await told(client, asked)
            assert 400 <= status_of(answer) < 500, (line, answer[:300])
            assert not any(word in answer for word in GIVEAWAYS), (line, answer)


JSON_BODIES = (
    b"[" * 60_000,
    b'{"mode":' * 7_000,
    b'{"seed": ' + b"9" * 50_000 + b"}",
    b'{"seed": 1e999}',
    b'{"seed": NaN}',
    b'{"seed": -1}',
    b'{"mode": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"' + b"k" * 60_000 + b'": 1}',
    b'{"mode": "fast", "mode": null}',
    b"\xff\xfe{}",
    b"null",
    b"[]",
    b'"fast"',
    b"{",
    b"{}{}",
)


async def test_odd_json_is_refused_and_not_echoed(run_gateway):
    async with run_gateway() as client:
        for body in JSON_BODIES:
            refused = await client.post(
                "/v1/jobs", content=body, headers={"Content-Type": "application/json"}
            )
            assert refused.status_code == 400, (body[:40], refused.text[:300])
            assert refused.json()["code"] == "malformed_request"
            assert len(refused.content) < 4096


IDEMPOTENCY_KEYS = (
    ["a", "b"],
    ["a", "a"],
    [""],
    ["k" * 256],
    ["\u00fc".encode("latin-1")],
    ["a\tb"],
)


async def test_an_odd_idempotency_key_is_refused(run_gateway):
    async with run_gateway() as client:
        for keys in IDEMPOTENCY_KEYS:
            headers = [("Idempotency-Key", key) for key in keys]
            refused = await client.post("/v1/jobs", headers=headers)
            assert refused.status_code == 400, keys
            assert "Idempotency-Key" in refused.json()["detail"]


async def test_odd_forms_are_refused(run_gateway, registry):
    part = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n'
    forms = (
        b"".join(part % (b"f%d" % n) for n in range(40)) + b"--b--\r\n",
        b"--b\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(2_000)) + b"\r\n\r\nx\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + b"n" * 20_000,
        b"--b--\r\n",
        b"",
        b"no form at all",
        part % b"file" + b"--b--\r\n",
    )
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    async with run_gateway(registry.url) as client:
        for path in ("/predict", "/v1/predictions", "/v1/uploads", "/upload-data"):
            for form in forms:
                refused = await client.post(path, content=form, headers=kind)
                assert 400 <= refused.status_code < 500, (path, form[:60], refused.text)
            for odd in ("multipart/form-data", "multipart/form-data; boundary=" + "b" * 9_000):
                refused = await client.post(path, content=b"x", headers={"Content-Type": odd})
                assert refused.status_code == 400, (path, odd[:60], refused.text)


async def test_an_image_of_giant_dimensions_is_refused_by_its_header(run_gateway):
    ihdr = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + ihdr + b"\x00" * 4
    async with run_gateway() as client:
        refused = await client.post("/predict", content=png, headers={"Content-Type": "image/png"})
    assert refused.status_code in {413, 422}, refused.text


BODIES = (
    ("POST", "/predict"),
    ("POST", "/v1/predictions"),
    ("POST", "/v1/uploads"),
    ("POST", "/upload-data"),
    ("POST", "/v1/jobs"),
    ("POST", "/retrain"),
    ("PATCH", "/v1/dataset/images/" + "ab" * 32),
    ("POST", "/v2/repository/index"),
)
KINDS = {
    "/predict": "multipart/form-data; boundary=b",
    "/v1/predictions": "image/jpeg",
    "/v1/uploads": "application/zip",
    "/upload-data": "multipart/form-data; boundary=b",
}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_an_encoded_body_is_refused_by_its_encoding(run_gateway, registry, encoding):
    async with run_gateway(registry.url) as client:
        for method, path in BODIES:
            kind = KINDS.get(path, "application/json")
            headers = {"Content-Type": kind, "Content-Encoding": encoding}
            refused = await client.request(method, path, content=b"\x1f\x8b{}", headers=headers)
            found = (refused.status_code, refused.json()["code"])
            assert found == (415, "unsupported_media_type"), path
            assert encoding.replace(", ", ",") in refused.json()["detail"].replace(", ", ",")
            plain = {"Content-Type": kind, "Content-Encoding": "identity"}
            taken = await client.request(method, path, content=b"{}", headers=plain)
            assert "Encoding" not in taken.text


async def test_two_files_of_a_prediction_are_refused_by_a_real_gateway(run_gateway):
    two = [("file", ("a.jpeg", new_jpeg())), ("file", ("b.jpeg", new_jpeg(seed=1)))]
    async with run_gateway() as client:
        for path in ("/predict", "/v1/predictions"):
            refused = await client.post(path, files=two)
            assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")
            assert "one file per request" in refused.json()["detail"]


async def test_head_is_answered_as_get_is(run_gateway, registry):
    paths = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/status")
    async with run_gateway(registry.url) as client:
        for path in (*paths, "/metrics", "/v2", "/v1/jobs", "/predict"):
            got, head = await client.get(path), await client.head(path)
            assert head.status_code == got.status_code, path
            assert head.content == b""


async def test_the_root_leads_to_the_api_page_and_a_slash_too_many_is_named(run_gateway):
    async with run_gateway() as client:
        root = await client.get("/")
        page = await client.get("/", follow_redirects=True)
        refused = [
            await client.post(f"{path}/", files={"file": new_jpeg()})
            for path in ("/predict", "/v1/predictions", "/v1/jobs")
        ]
    assert (root.status_code, root.headers["location"]) == (307, "docs")
    assert "swagger" in page.text
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "/docs" in answer.json()["detail"]
