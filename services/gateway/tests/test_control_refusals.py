"""Bad requests for jobs, dataset and models, and a registry that is away: typed problems all."""

import pytest

SHA = "ab" * 32
UNKNOWN = "01990abc-0000-7000-8000-000000000000"
NOWHERE = "http://127.0.0.1:1"

DEEP = b'{"mode":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
JSON = {"Content-Type": "application/json"}
BAD = {
    "deep": ("POST", "/v1/jobs", {"content": DEEP, "headers": JSON}, 400),
    "no json": ("POST", "/retrain", {"content": b"{", "headers": JSON}, 400),
    "no utf-8": ("POST", "/retrain", {"content": b'{"mode":"\xff"}', "headers": JSON}, 400),
    "a list": ("POST", "/v1/jobs", {"json": []}, 400),
    "a wrong mode": ("POST", "/v1/jobs", {"json": {"mode": "slow"}}, 400),
    "a wrong policy": ("POST", "/v1/jobs", {"json": {"policy": None}}, 400),
    "a seed below": ("POST", "/v1/jobs", {"json": {"seed": -1}}, 400),
    "a seed beyond": ("POST", "/v1/jobs", {"json": {"seed": 2**40}}, 400),
    "a seed past all": ("POST", "/v1/jobs", {"json": {"seed": 10**400}}, 400),
    "a strange field": ("POST", "/v1/jobs", {"json": {"epochs": 3}}, 400),
    "a form": ("POST", "/v1/jobs", {"data": {"mode": "fast"}}, 415),
    "a long body": ("POST", "/v1/jobs", {"content": b" " * 70_000, "headers": JSON}, 413),
    "a long key": ("POST", "/v1/jobs", {"headers": {"Idempotency-Key": "k" * 256}}, 400),
    "an empty key": ("POST", "/v1/jobs", {"headers": {"Idempotency-Key": ""}}, 400),
    "an odd key": ("POST", "/retrain", {"headers": {"Idempotency-Key": "ü".encode()}}, 400),
    "no id": ("GET", "/v1/jobs/nonsense", {}, 404),
    "a number": ("GET", "/v1/jobs/1", {}, 404),
    "a capital id": ("GET", f"/v1/jobs/{UNKNOWN.upper()}", {}, 404),
    "an unknown job": ("GET", f"/v1/jobs/{UNKNOWN}", {}, 404),
    "a climbing job": ("GET", "/v1/jobs/..%2f..%2fetc", {}, 404),
    "no job to cancel": ("POST", "/v1/jobs/nonsense/cancel", {}, 404),
    "an unknown job to cancel": ("POST", f"/v1/jobs/{UNKNOWN}/cancel", {}, 404),
    "no job to watch": ("GET", "/v1/jobs/nonsense/events", {}, 404),
    "an unknown job to watch": ("GET", f"/v1/jobs/{UNKNOWN}/events", {}, 404),
    "too long a list": ("GET", "/v1/jobs?limit=100000", {}, 400),
    "no limit": ("GET", "/v1/jobs?limit=x", {}, 400),
    "no image": ("GET", "/v1/dataset/images/nonsense", {}, 404),
    "an unknown image": ("GET", f"/v1/dataset/images/{SHA}", {}, 404),
    "no image to delete": ("DELETE", "/v1/dataset/images/..", {}, 405),
    "an unknown image to delete": ("DELETE", f"/v1/dataset/images/{SHA}", {}, 404),
    "a label with slashes": (
        "PATCH",
        f"/v1/dataset/images/{SHA}",
        {"json": {"label": "../x"}},
        422,
    ),
    "no label": ("PATCH", f"/v1/dataset/images/{SHA}", {"json": {}}, 400),
    "no body": ("PATCH", f"/v1/dataset/images/{SHA}", {}, 400),
    "an unknown version": ("GET", "/v1/models/404", {}, 404),
    "no version": ("GET", "/v1/models/.x", {}, 404),
    "a climbing version": ("POST", "/v1/models/..%2f/promote", {}, 404),
    "an unknown version to promote": ("POST", "/v1/models/404/promote", {}, 404),
    "no version to leave": ("POST", "/v1/models/rollback?from_version=../x", {}, 404),
    "another method": ("PUT", "/v1/jobs", {}, 405),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_is_bad_is_a_typed_problem(controlling, registry, case):
    method, path, sent, status = BAD[case]
    async with controlling(registry.url) as client:
        answer = await client.request(method, path, **sent)
        assert len(client.feeds) == 0
    body = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["code"]
    assert body["detail"]
    assert not registry.jobs
    # What cannot be is not asked for.
    asked = [path for _, path in registry.seen if path != "/"]
    assert bool(asked) == ("unknown" in case)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/retrain"),
        ("GET", "/v1/jobs"),
        ("GET", f"/v1/jobs/{UNKNOWN}"),
        ("POST", f"/v1/jobs/{UNKNOWN}/cancel"),
        ("GET", f"/v1/jobs/{UNKNOWN}/events"),
        ("GET", "/v1/dataset"),
        ("GET", f"/v1/dataset/images/{SHA}"),
        ("DELETE", f"/v1/dataset/images/{SHA}"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/1"),
        ("GET", "/v1/models/current"),
        ("POST", "/v1/models/1/promote"),
        ("POST", "/v1/models/rollback"),
    ],
)
@pytest.mark.parametrize("broken", [False, True])
async def test_a_registry_that_is_away_or_broken_may_come_back(
    controlling, registry, method, path, broken
):
    registry.refusal = (503, "storage_unavailable", "/secret/path")
    async with controlling(registry.url if broken else NOWHERE) as client:
        answer = await client.request(method, path)
        assert len(client.feeds) == 0
    assert (answer.status_code, answer.json()["code"]) == (503, "registry_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert "secret" not in answer.text
    assert "127.0.0.1" not in answer.text
