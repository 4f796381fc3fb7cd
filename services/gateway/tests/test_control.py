"""Jobs, dataset and models over HTTP, with a registry over real HTTP behind them; no Kafka."""

import asyncio

import pytest

from gateway.service.jobs import JobFeeds, TooManyStreamsError
from shared.contracts.train import TrainEvent

SHA = "ab" * 32
NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize("path", ["/v1/jobs", "/retrain"])
async def test_a_job_is_accepted_at_once_and_found_where_it_says(controlling, registry, path):
    async with controlling(registry.url) as client:
        plain = await client.post(path)
        full = await client.post(path, json={"mode": "full", "policy": "manual", "seed": 7})
        found = await client.get(full.headers["Location"])
        page = (await client.get("/v1/jobs?limit=1")).json()
    assert (plain.status_code, plain.json()["state"]) == (202, "queued")
    assert (plain.json()["mode"], plain.json()["policy"], plain.json()["seed"]) == (
        "fast",
        "auto",
        0,
    )
    assert full.headers["Location"] == f"/v1/jobs/{full.json()['id']}"
    assert found.status_code == 200
    assert (found.json()["mode"], found.json()["seed"]) == ("full", 7)
    assert [job["id"] for job in page["jobs"]] == [full.json()["id"]]
    assert page["modes"] == ["fast"]


async def test_the_same_key_is_the_same_job_and_another_body_a_conflict(controlling, registry):
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


async def test_a_refusal_of_the_registry_is_passed_on_as_it_is(controlling, registry):
    registry.refusal = (422, "too_few_data", "3 new images of at least 20.")
    async with controlling(registry.url) as client:
        refused = await client.post("/v1/jobs")
    assert (refused.status_code, refused.json()["code"]) == (422, "too_few_data")
    assert refused.json()["detail"] == "3 new images of at least 20."
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_cancelled_job_says_so(controlling, registry):
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


async def test_a_stream_learns_of_an_end_whose_event_never_came(controlling, registry):
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


async def test_a_refusal_that_is_no_problem_gets_our_words(controlling, registry):
    registry.refusal = (404, None)
    async with controlling(registry.url) as client:
        refused = await client.get("/v1/dataset")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert refused.json()["detail"] == "The registry refused the request."


async def test_the_dataset_is_read_relabelled_and_deleted(controlling, registry):
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


async def test_images_are_listed_and_deleted_by_upload_or_source(controlling, registry):
    registry.add_image(SHA)
    cursor = f"5-{SHA}"
    asked = f"label=NORMAL&source=ui&upload=u-1&conflict=true&limit=7&cursor={cursor}"
    async with controlling(registry.url) as client:
        listed = await client.get(f"/v1/dataset/images?{asked}")
        deleted = await client.delete("/v1/dataset/images?upload=u-1")
        everything = await client.delete("/v1/dataset/images")
        unreadable = await client.get("/v1/dataset/images?limit=501")
    assert [image["sha256"] for image in listed.json()["images"]] == [SHA]
    assert deleted.json() == {"deleted": 2, "left": 1}
    assert registry.queries == [
        {
            "label": "NORMAL",
            "source": "ui",
            "upload": "u-1",
            "conflict": "true",
            "limit": "7",
            "cursor": cursor,
        },
        {"upload": "u-1"},
    ]
    for refused in (everything, unreadable):
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")


async def test_models_are_listed_and_described(controlling, registry):
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
        "refusal_code": "goldens",
        "refusal": "Other answers.",
    },
]


@pytest.mark.parametrize("announced", [None, "1"])
async def test_the_current_model_and_what_each_worker_has(controlling, registry, announced):
    async with controlling(registry.url, announced=announced) as client:
        body = (await client.get("/v1/models/current")).json()
    assert body == {
        "name": "pneumonia",
        "version": "1",
        "classes": ["NORMAL", "PNEUMONIA"],
        "workers": WORDS,
    }


async def test_the_current_model_is_told_with_the_registry_down(controlling):
    async with controlling(NOWHERE, announced="9") as client:
        body = (await client.get("/v1/models/current")).json()
    assert body == {"name": "pneumonia", "version": "9", "classes": None, "workers": WORDS}


async def test_before_the_first_promotion_no_model_is_current(controlling, registry):
    registry.models.clear()
    async with controlling(registry.url) as client:
        answer = await client.get("/v1/models/current")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_retraining_that_is_asked_for_twice_is_told_of_the_first(controlling, registry):
    async with controlling(registry.url) as client:
        first = (await client.post("/retrain")).json()
        second = (await client.post("/retrain")).json()
        await client.post(f"/v1/jobs/{first['id']}/cancel")
        await client.post(f"/v1/jobs/{second['id']}/cancel")
        third = (await client.post("/retrain")).json()
    assert first["message"] == third["message"] == "Training is queued."
    assert f"Job {first['id']} is also open." in second["message"]
    assert f"/v1/jobs/{second['id']}/cancel" in second["message"]
