"""Jobs, dataset and models over HTTP, with a registry over real HTTP behind them; no Kafka."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.http.app import new_app
from gateway.http.dataset import new_dataset_router
from gateway.http.job_events import new_job_events_router
from gateway.http.jobs import new_jobs_router
from gateway.http.models import (
    new_current_model_router,
    new_models_router,
    new_promotions_router,
)
from gateway.service.jobs import JobFeeds, TooManyStreamsError
from gateway.service.models import CurrentModel
from shared.clock import new_id
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.contracts.train import TrainEvent
from shared.control_client import new_control_client

SHA = "ab" * 32
NOWHERE = "http://127.0.0.1:1"
WORKERS = (
    WorkerStatus(id="w0", ready=True, model="pneumonia", version="1", at_ms=1),
    WorkerStatus(id="w1", ready=False, refused_version="2", refusal="goldens differ", at_ms=1),
)


class Announced:
    def __init__(self, version=None):
        self.event = version and ModelPromoted(
            name="pneumonia", version=version, bundle_sha256=SHA, promoted_at_ms=1
        )

    def current_model(self, name):
        return self.event


@asynccontextmanager
async def controlling(registry_url, *, announced=None, max_streams=2):
    async with new_control_client(registry_url) as control:
        feeds = JobFeeds(max_streams=max_streams)
        current = CurrentModel("pneumonia", control, Announced(announced))
        app = new_app(
            new_jobs_router(control),
            new_job_events_router(control, feeds, beat_s=0.05),
            new_dataset_router(control),
            new_current_model_router(current, lambda: WORKERS),
            new_models_router(control),
            new_promotions_router(control),
        )
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            client.feeds = feeds
            yield client


@pytest.mark.parametrize("path", ["/v1/jobs", "/retrain"])
async def test_a_job_is_accepted_at_once_and_found_where_it_says(registry, path):
    async with controlling(registry.url) as client:
        plain = await client.post(path)
        full = await client.post(path, json={"mode": "full", "policy": "manual", "seed": 7})
        found = await client.get(full.headers["Location"])
        listed = (await client.get("/v1/jobs?limit=1")).json()["jobs"]
    assert (plain.status_code, plain.json()["state"]) == (202, "queued")
    assert (plain.json()["mode"], plain.json()["policy"], plain.json()["seed"]) == (
        "fast",
        "auto",
        0,
    )
    assert full.headers["Location"] == f"/v1/jobs/{full.json()['id']}"
    assert found.status_code == 200
    assert (found.json()["mode"], found.json()["seed"]) == ("full", 7)
    assert [job["id"] for job in listed] == [full.json()["id"]]


async def test_the_same_key_is_the_same_job_and_another_body_a_conflict(registry):
    key = {"Idempotency-Key": "monday"}
    async with controlling(registry.url) as client:
        first = await client.post("/v1/jobs", headers=key)
    async with controlling(registry.url) as other:
        again = await other.post("/retrain", headers=key)
        changed = await other.post("/v1/jobs", headers=key, json={"mode": "full"})
        different = await other.post("/v1/jobs", headers={"Idempotency-Key": "tuesday"})
    assert first.json()["id"] == again.json()["id"]
    assert (changed.status_code, changed.json()["code"]) == (409, "conflict")
    assert different.json()["id"] != first.json()["id"]
    assert len(registry.jobs) == 2


async def test_a_refusal_of_the_registry_is_passed_on_as_it_is(registry):
    registry.refusal = (422, "too_few_data", "3 new images of at least 20.")
    async with controlling(registry.url) as client:
        refused = await client.post("/v1/jobs")
    assert (refused.status_code, refused.json()["code"]) == (422, "too_few_data")
    assert refused.json()["detail"] == "3 new images of at least 20."
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_cancelled_job_says_so(registry):
    async with controlling(registry.url) as client:
        id_ = (await client.post("/v1/jobs")).json()["id"]
        cancelled = await client.post(f"/v1/jobs/{id_}/cancel")
        stream = await client.get(f"/v1/jobs/{id_}/events")
        last = stream.text.split("\n")[0].removeprefix("id: ")
        over = await client.get(f"/v1/jobs/{id_}/events", headers={"Last-Event-ID": last})
        assert len(client.feeds) == 0
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text.count("event: state") == 1
    assert '"state":"cancelled"' in stream.text
    assert over.status_code == 204


async def test_a_stream_learns_of_an_end_whose_event_never_came(registry):
    async with controlling(registry.url) as client:
        id_ = (await client.post("/v1/jobs")).json()["id"]
        streaming = asyncio.create_task(client.get(f"/v1/jobs/{id_}/events"))
        async with asyncio.timeout(20):
            while registry.seen.count(("GET", f"/v1/jobs/{id_}")) < 2:
                await asyncio.sleep(0)
        ended = {"state": "failed", "error": "no data"}
        registry.jobs[id_] = registry.jobs[id_].model_copy(update=ended)
        stream = await streaming
    told = [line for line in stream.text.splitlines() if line.startswith("data: ")]
    assert '"state":"queued"' in told[0]
    assert '"state":"failed"' in told[1]
    assert len(told) == 2


async def test_a_slow_watcher_misses_the_oldest_and_never_the_newest():
    feeds = JobFeeds(max_streams=1)
    feed = feeds.open("a")
    for at_ms in range(1_000):
        feeds.on_train_event(TrainEvent(id="a", state="running", at_ms=at_ms))
    feeds.on_train_event(TrainEvent(id="a", state="succeeded", at_ms=1_000))
    held = []
    while (event := await feed.next(0.01)) is not None:
        held.append(event)
    assert held[-1].state == "succeeded"
    assert [event.at_ms for event in held] == list(range(1_001 - len(held), 1_001))
    assert len(held) < 100
    with pytest.raises(TooManyStreamsError):
        feeds.open("b")


async def test_a_refusal_that_is_no_problem_gets_our_words(registry):
    registry.refusal = (404, None)
    async with controlling(registry.url) as client:
        refused = await client.get("/v1/dataset")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert refused.json()["detail"] == "The registry refused the request."


async def test_the_dataset_is_read_relabelled_and_deleted(registry):
    registry.add_image(SHA)
    async with controlling(registry.url) as client:
        counts = await client.get("/v1/dataset")
        changed = await client.patch(f"/v1/dataset/images/{SHA}", json={"label": "PNEUMONIA"})
        read = await client.get(f"/v1/dataset/images/{SHA}")
        deleted = await client.delete(f"/v1/dataset/images/{SHA}")
        gone = await client.get(f"/v1/dataset/images/{SHA}")
    assert counts.json() == {
        "total": 1,
        "by_class": {"NORMAL": 1},
        "by_source": {"upload": 1},
        "conflicts": 0,
    }
    assert changed.json()["label"] == read.json()["label"] == "PNEUMONIA"
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_models_are_listed_and_described(registry):
    async with controlling(registry.url) as client:
        listed = (await client.get("/v1/models")).json()["models"]
        one = (await client.get("/v1/models/1")).json()
        promoted = await client.post("/v1/models/1/promote")
        back = await client.post("/v1/models/rollback?from_version=1")
    assert [(m["version"], m["state"]) for m in listed] == [("1", "current")]
    assert listed[0]["classes"] == ["NORMAL", "PNEUMONIA"]
    assert one["lineage"]["code_version"] == "test"
    assert one["card"] == {"intended_use": "tests"}
    assert "metrics" in one
    assert one["manifest"]["files"]["card.json"]["size_bytes"] > 0
    assert promoted.json()["version"] == back.json()["version"] == "1"


WORDS = [
    {"id": "w0", "version": "1", "ready": True},
    {
        "id": "w1",
        "version": None,
        "ready": False,
        "refused_version": "2",
        "refusal": "goldens differ",
    },
]


@pytest.mark.parametrize("announced", [None, "1"])
async def test_the_current_model_and_what_each_worker_has(registry, announced):
    async with controlling(registry.url, announced=announced) as client:
        body = (await client.get("/v1/models/current")).json()
    assert body == {
        "name": "pneumonia",
        "version": "1",
        "classes": ["NORMAL", "PNEUMONIA"],
        "workers": WORDS,
    }


async def test_the_current_model_is_told_with_the_registry_down():
    async with controlling(NOWHERE, announced="9") as client:
        body = (await client.get("/v1/models/current")).json()
    assert body == {"name": "pneumonia", "version": "9", "classes": None, "workers": WORDS}


async def test_before_the_first_promotion_no_model_is_current(registry):
    registry.models.clear()
    async with controlling(registry.url) as client:
        answer = await client.get("/v1/models/current")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


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
    "an unknown field": ("POST", "/v1/jobs", {"json": {"epochs": 3}}, 400),
    "a form": ("POST", "/v1/jobs", {"data": {"mode": "fast"}}, 415),
    "a long body": ("POST", "/v1/jobs", {"content": b" " * 70_000, "headers": JSON}, 413),
    "a long key": ("POST", "/v1/jobs", {"headers": {"Idempotency-Key": "k" * 256}}, 400),
    "an empty key": ("POST", "/v1/jobs", {"headers": {"Idempotency-Key": ""}}, 400),
    "an odd key": ("POST", "/retrain", {"headers": {"Idempotency-Key": "ü".encode()}}, 400),
    "no id": ("GET", "/v1/jobs/nonsense", {}, 404),
    "a number": ("GET", "/v1/jobs/1", {}, 404),
    "a capital id": ("GET", f"/v1/jobs/{new_id().upper()}", {}, 404),
    "an unknown job": ("GET", f"/v1/jobs/{new_id()}", {}, 404),
    "a climbing job": ("GET", "/v1/jobs/..%2f..%2fetc", {}, 404),
    "no job to cancel": ("POST", "/v1/jobs/nonsense/cancel", {}, 404),
    "an unknown job to cancel": ("POST", f"/v1/jobs/{new_id()}/cancel", {}, 404),
    "no job to watch": ("GET", "/v1/jobs/nonsense/events", {}, 404),
    "an unknown job to watch": ("GET", f"/v1/jobs/{new_id()}/events", {}, 404),
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
async def test_what_is_bad_is_a_typed_problem(registry, case):
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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/retrain"),
        ("GET", "/v1/jobs"),
        ("GET", f"/v1/jobs/{new_id()}"),
        ("POST", f"/v1/jobs/{new_id()}/cancel"),
        ("GET", f"/v1/jobs/{new_id()}/events"),
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
async def test_a_registry_that_is_away_or_broken_may_come_back(registry, method, path, broken):
    registry.refusal = (503, "storage_unavailable", "/secret/path")
    async with controlling(registry.url if broken else NOWHERE) as client:
        answer = await client.request(method, path)
        assert len(client.feeds) == 0
    assert (answer.status_code, answer.json()["code"]) == (503, "registry_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert "secret" not in answer.text
    assert "127.0.0.1" not in answer.text
