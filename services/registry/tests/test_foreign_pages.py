"""Every route, asked for by a browser on behalf of another page."""

import re

import pytest

SHA = "a" * 64
SAFE = {"get", "head", "options"}


def operations(document):
    for path, methods in document["paths"].items():
        for method in methods:
            yield method, re.sub(r"\{.*?\}", SHA, path)


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8501"},
]


async def test_no_route_changes_anything_for_another_origin(registry):
    async with registry() as http:
        document = (await http.get("/openapi.json")).json()
        unsafe = [each for each in operations(document) if each[0] not in SAFE]
        assert len(unsafe) > 8
        for method, path in unsafe:
            for headers in FOREIGN:
                refused = await http.request(method, path, headers=headers)
                assert refused.status_code == 403, (method, path)
                assert refused.json()["code"] == "cross_site_request"


async def test_no_route_answers_another_name(registry):
    async with registry() as http:
        document = (await http.get("/openapi.json")).json()
        for method, path in [*operations(document), ("get", "/docs"), ("get", "/metrics")]:
            refused = await http.request(method, path, headers={"Host": "evil.example:8001"})
            assert refused.status_code == 403, (method, path)
            assert refused.json()["code"] == "host_not_allowed"


@pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=utf-8", "multipart/form-data"])
async def test_a_body_that_says_it_is_no_json_is_refused(registry, kind):
    async with registry() as http:
        for method, path in (
            ("POST", "/v1/jobs"),
            ("POST", "/v1/models"),
            ("POST", "/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057/lease"),
            ("PUT", "/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057/report"),
            ("POST", "/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057/outcome"),
            ("PATCH", f"/v1/dataset/images/{SHA}"),
        ):
            refused = await http.request(
                method, path, content=b"{}", headers={"Content-Type": kind}
            )
            code = refused.json()["code"]
            assert (refused.status_code, code) == (415, "unsupported_media_type"), path
