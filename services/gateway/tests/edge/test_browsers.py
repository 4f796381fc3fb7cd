"""Every route, asked for by a browser on behalf of another page; and CORS where it is wanted."""

import re

import pytest

from gateway.settings import Settings

pytestmark = pytest.mark.kafka

SAFE = {"get", "head", "options"}
VIEWER = "https://viewer.example.org"
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8501"},
]
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type, x-api-key",
}


def operations(document):
    for path, methods in document["paths"].items():
        for method in methods:
            yield method, re.sub(r"\{.*?\}", "0", path)


async def test_pages_of_others_reach_no_route(run_gateway):
    async with run_gateway() as client:
        document = (await client.get("/openapi.json")).json()
        unsafe = [each for each in operations(document) if each[0] not in SAFE]
        assert len(unsafe) > 10
        for method, path in unsafe:
            for headers in FOREIGN:
                refused = await client.request(method, path, headers=headers)
                assert refused.status_code == 403, (method, path)
                assert refused.json()["code"] == "cross_site_request"
                assert "access-control-allow-origin" not in refused.headers
            # X-Forwarded-Host is the client's word, and nothing else.
            headers = FOREIGN[0] | {"X-Forwarded-Host": "evil.example"}
            assert (await client.request(method, path, headers=headers)).status_code == 403
        for method, path in [*operations(document), ("get", "/docs"), ("get", "/metrics")]:
            refused = await client.request(method, path, headers={"Host": "evil.example"})
            assert refused.status_code == 403, (method, path)
            assert refused.json()["code"] == "host_not_allowed"
        # No setting, no CORS.
        preflight = await client.options("/predict", headers=PREFLIGHT | {"Origin": VIEWER})
        assert (preflight.status_code, preflight.json()["code"]) == (403, "cross_site_request")
        assert "PNEUMO_GATEWAY_ALLOWED_ORIGINS" in preflight.json()["detail"]
        shown = (await client.get("/metrics")).text
    assert 'route="unmatched",status="403"' in shown


async def test_an_allowed_origin_may_call_read_and_show_its_key(run_gateway, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    async with run_gateway(keys_file=keys, allowed_origins=(VIEWER,)) as client:
        allowed = await client.options("/predict", headers=PREFLIGHT | {"Origin": VIEWER})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == VIEWER
        assert "x-api-key" in allowed.headers["access-control-allow-headers"].lower()
        assert "access-control-allow-credentials" not in allowed.headers
        headers = {"Origin": VIEWER, "Sec-Fetch-Site": "cross-site"}
        asked = await client.post("/retrain", headers=headers)
        assert (asked.status_code, asked.json()["code"]) == (401, "unauthenticated")
        assert asked.headers["access-control-allow-origin"] == VIEWER
        foreign = {"Origin": "https://evil.example"}
        assert (await client.options("/predict", headers=PREFLIGHT | foreign)).status_code == 403
        assert (await client.post("/retrain", headers=foreign)).status_code == 403


@pytest.mark.parametrize("origin", ["*", "viewer.example.org", "https://a/", "null", "ftp://a"])
def test_what_is_no_origin_is_no_setting(monkeypatch, origin):
    monkeypatch.setenv("PNEUMO_GATEWAY_ALLOWED_ORIGINS", origin)
    with pytest.raises(ValueError, match="allowed_origins"):
        Settings()
