"""API keys over HTTP, on the command line and at the start of a gateway."""

import asyncio
import json
import logging
import subprocess
import sys

import httpx
import pytest
import structlog
from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry

from gateway.cli.arguments import main
from gateway.core.keys import ApiKey, KeyRing, digest_of
from gateway.core.permissions import KeyScope, Public, find_route
from gateway.core.recent_problems import RecentProblems
from gateway.edge.api_keys import ApiKeyMiddleware
from gateway.edge.request_metrics import RequestMetricsMiddleware
from gateway.http.answer_timing import AnswerTimer
from gateway.http.app import new_app
from gateway.main.asgi import new_api
from gateway.main.edge import refuse_unsafe_start
from gateway.settings import Settings
from shared.clock import SystemClock, new_id

NOW_MS = 1_000
SECRETS = {scope: f"pneumo_{scope.value}-secret" for scope in KeyScope}
RING = KeyRing(
    (
        *(ApiKey(s.value, digest_of(SECRETS[s]), frozenset({s}), 0) for s in KeyScope),
        ApiKey("old", digest_of("pneumo_old"), frozenset(KeyScope), 0, expires_at_ms=NOW_MS),
    )
)


@pytest.fixture
async def gated():
    """Two routes behind the gate; `client.seen` is what they got, `client.counted` the metrics."""
    router = APIRouter()
    seen, counted = [], []

    @router.post("/predict")
    async def predict(request: Request):
        seen.append(dict(request.headers))
        return {"size": len(await request.body())}

    @router.get("/health/live")
    async def live():
        return {}

    @router.get("/forgotten")
    async def forgotten():
        seen.append("forgotten")

    gate = ApiKeyMiddleware(new_app(router), lambda: RING, lambda: NOW_MS)
    app = RequestMetricsMiddleware(
        gate, lambda *what: counted.append(what[:3]), lambda: 0.0, new_id
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://g") as client:
        client.seen, client.counted = seen, counted
        yield client


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


async def test_health_is_open_and_everything_else_asks_for_a_key(gated):
    assert (await gated.get("/health/live")).status_code == 200
    for method, path in (("POST", "/predict"), ("GET", "/no/such"), ("PUT", "/predict")):
        refused = await gated.request(method, path)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="pneumostream"'
        assert refused.json()["code"] == "unauthenticated"
    assert gated.counted[1:] == [
        ("POST", "/predict", 401),
        ("GET", "unmatched", 401),
        ("PUT", "/predict", 401),
    ]
    assert not gated.seen


@pytest.mark.parametrize("secret", ["pneumo_old", "pneumo_nobody", digest_of("pneumo_predict")])
async def test_a_key_that_is_none_is_no_better_than_none(gated, secret):
    refused = await gated.post("/predict", headers=bearer(secret))
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_a_key_without_the_scope_is_told_which_one_is_missing(gated):
    refused = await gated.post("/predict", headers=bearer(SECRETS[KeyScope.ADMIN]))
    assert refused.status_code == 403
    assert refused.json()["code"] == "forbidden"
    assert "'predict'" in refused.json()["detail"]
    assert not gated.seen


@pytest.mark.parametrize(
    "headers", [bearer(SECRETS[KeyScope.PREDICT]), {"X-API-Key": SECRETS[KeyScope.PREDICT]}]
)
async def test_a_good_key_opens_its_route_and_goes_no_further(gated, headers):
    taken = await gated.post("/predict", headers=headers, content=b"123")
    assert taken.json() == {"size": 3}
    assert not {"authorization", "x-api-key"} & set(gated.seen[0])
    assert gated.counted == [("POST", "/predict", 200)]


async def test_what_the_table_does_not_name_does_not_exist(gated):
    key = bearer(SECRETS[KeyScope.ADMIN])
    assert (await gated.get("/forgotten", headers=key)).status_code == 404
    wrong = await gated.delete("/predict", headers=key)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert not gated.seen


async def test_no_key_reaches_a_log(gated, caplog):
    structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())
    with caplog.at_level(logging.DEBUG):
        for secret in (SECRETS[KeyScope.PREDICT], SECRETS[KeyScope.ADMIN], "pneumo_nobody"):
            answer = await gated.post("/predict", headers=bearer(secret))
            assert secret not in answer.text
    structlog.reset_defaults()
    assert caplog.records
    assert "pneumo_" not in caplog.text
    assert "Bearer " not in caplog.text


def routes_of(router):
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield from ((method, route.path) for method in route.methods)
        else:
            yield from routes_of(inner)


@pytest.mark.kafka
async def test_every_route_of_the_gateway_is_in_the_table(run_gateway):
    async with run_gateway() as client:
        parts = client.gateway.components
        timer = AnswerTimer(lambda: 0.0, lambda *_: None)
        app = new_api(
            Settings(), parts, SystemClock(), CollectorRegistry(), timer, RecentProblems()
        )
    served = set(routes_of(app))
    assert ("POST", "/v1/models/{version}/promote") in served
    for method, path in served:
        assert find_route(method, path).path == path, (method, path)
        assert find_route(method, path).need is not None


async def answered(client, secret, status):
    """Ask until the answer has this status: the file is read again within a second."""
    async with asyncio.timeout(20):
        while (await client.get("/status", headers=bearer(secret))).status_code != status:
            await asyncio.sleep(0.05)


@pytest.mark.kafka
async def test_keys_are_rotated_while_a_gateway_runs(run_gateway, tmp_path, capsys):
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    file = ["keys", "--file", str(path)]
    async with run_gateway(keys_file=path) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/status")).status_code == 401
        secrets = []
        for name in ("first", "second"):
            main([*file, "new", name])
            secrets.append(capsys.readouterr().out.splitlines()[-1])
            await answered(client, secrets[-1], 200)
        main([*file, "revoke", "first"])
        await answered(client, secrets[0], 401)
        await answered(client, secrets[1], 200)


def test_a_key_is_shown_once_and_kept_as_its_digest(tmp_path, capsys):
    path = tmp_path / "keys.json"
    file = ["keys", "--file", str(path)]
    main([*file, "new", "ward", "--scope", "predict", "--days", "90", "--rate", "5"])
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("pneumo_")
    assert len(secret) >= 43
    assert secret not in path.read_text()
    assert json.loads(path.read_text())["keys"][0]["sha256"] == digest_of(secret)

    main([*file, "list"])
    listed = capsys.readouterr().out
    assert listed.startswith("ward  predict  made ")
    assert "5/s" in listed
    with pytest.raises(SystemExit, match="A key named ward already exists"):
        main([*file, "new", "ward"])
    main([*file, "revoke", "ward"])
    assert json.loads(path.read_text()) == {"keys": []}
    with pytest.raises(SystemExit, match="no key named"):
        main([*file, "revoke", "ward"])
    with pytest.raises(SystemExit, match="Invalid key"):
        main([*file, "new", "ward", "--rate", "-1"])


def test_a_command_without_a_file_is_one_sentence():
    with pytest.raises(SystemExit, match="Name the key file"):
        main(["keys", "list"])


@pytest.mark.parametrize("changes", [{"host": "0.0.0.0"}, {"keys_file": "/no/such/file.json"}])
def test_an_unsafe_start_is_refused_with_one_sentence(changes):
    with pytest.raises(SystemExit) as refused:
        refuse_unsafe_start(Settings(**changes))
    assert "\n" not in str(refused.value)


def test_a_safe_start_is_not_refused(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    refuse_unsafe_start(Settings())
    refuse_unsafe_start(Settings(host="0.0.0.0", keys_file=path))
    refuse_unsafe_start(Settings(host="0.0.0.0", insecure=True))


def test_the_process_itself_refuses(monkeypatch):
    monkeypatch.setenv("PNEUMO_GATEWAY_HOST", "0.0.0.0")
    ended = subprocess.run(
        [sys.executable, "-m", "gateway"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("The gateway does not serve 0.0.0.0 without API keys")
    assert "Traceback" not in ended.stderr


def test_reading_needs_a_key_and_no_scope():
    assert find_route("GET", "/metrics").need is Public.ANY_KEY
