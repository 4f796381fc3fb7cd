"""Uploads, job streams and the current model on a real broker."""

import asyncio
import io
import json
import zipfile
from collections import Counter
from hashlib import sha256

import pytest

from shared.clock import SystemClock
from shared.contracts.dataset import parse_upload_headers
from shared.contracts.models import ModelPromoted
from shared.contracts.train import Job, TrainEvent
from shared.kafka.admin import create_topics
from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.settings import KafkaSettings
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka


async def read_uploads(kafka_settings):
    """Give every record of `uploads.labelled`."""
    topic = f"{kafka_settings.topic_prefix}uploads.labelled"
    consumer = new_consumer(kafka_settings, client_id="test")
    consumer.subscribe([topic])
    records = []
    async with started(consumer), asyncio.timeout(20):
        ends = await consumer.end_offsets(consumer.assignment())
        while len(records) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                records += batch
    return records


async def put(kafka_settings, topic, key, message):
    name = f"{kafka_settings.topic_prefix}{topic}"
    async with started(new_producer(kafka_settings, client_id="test")) as producer:
        await producer.send_and_wait(name, key=key.encode(), value=message.to_bytes())


def files(*contents):
    return [("files", (f"{n}.jpeg", content, "image/jpeg")) for n, content in enumerate(contents)]


async def test_what_is_answered_202_is_on_the_topic_as_promised(
    registry, run_gateway, kafka_settings
):
    images = [new_jpeg(seed=n) for n in range(5)]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("PNEUMONIA/x.jpeg", images[4])
    form = {"label": "NORMAL", "patient_id": "p-1", "source": "ward.3"}
    async with run_gateway(registry.url) as client:
        first = await client.post("/v1/uploads", data=form, files=files(*images[:3], b"bad"))
        seeds = await client.post("/upload-data", data={"label": "NORMAL"}, files=files(images[3]))
        zipped = await client.post(
            "/v1/uploads", content=archive.getvalue(), headers={"Content-Type": "application/zip"}
        )
    answers = [first, seeds, zipped]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    accepted = {a["sha256"]: a for answer in answers for a in answer.json()["accepted"]}
    records = await read_uploads(kafka_settings)
    assert sorted(record.value for record in records) == sorted(images)
    assert len(accepted) == 5
    for record in records:
        headers = parse_upload_headers(record.headers)
        digest = sha256(record.value).hexdigest()
        assert record.key == digest.encode()
        assert headers.id == accepted[digest]["id"]
        assert headers.label == accepted[digest]["label"]
        assert headers.content_type == "image/jpeg"
    told = {sha256(r.value).hexdigest(): parse_upload_headers(r.headers).patient for r in records}
    assert Counter(told.values()) == {"p-1": 3, None: 2}


async def test_one_file_three_times_at_once_is_one_key_on_one_partition(
    registry, run_gateway, kafka_settings
):
    image = new_jpeg()
    async with run_gateway(registry.url) as client:
        posts = [
            client.post("/v1/uploads", data={"label": "NORMAL"}, files=files(image))
            for _ in range(3)
        ]
        answers = await asyncio.gather(*posts)
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.json()["accepted"][0]["id"] for answer in answers}) == 3
    records = await read_uploads(kafka_settings)
    assert {(record.key, record.value) for record in records} == {
        (sha256(image).hexdigest().encode(), image)
    }
    # One partition keeps them in order: whoever consumes it sees the later ones as repetitions.
    assert len({record.partition for record in records}) == 1


async def test_an_upload_of_full_size_goes_through(registry, run_gateway, kafka_settings):
    image = new_jpeg() + b"\0" * (8 * 1024 * 1024 - len(new_jpeg()))
    async with run_gateway(registry.url) as client:
        answer = await client.post("/v1/uploads", data={"label": "NORMAL"}, files=files(image))
        over = await client.post(
            "/v1/uploads", data={"label": "NORMAL"}, files=files(image + b"\0")
        )
    assert answer.status_code == 202
    assert (over.status_code, over.json()["code"]) == (413, "too_large")
    (record,) = await read_uploads(kafka_settings)
    assert len(record.value) == len(image)


async def test_a_frozen_broker_is_a_503_and_the_repetition_is_taken(
    registry, run_gateway, restartable_broker
):
    kafka = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(kafka)
    sent = {"data": {"label": "NORMAL"}, "files": files(new_jpeg())}
    async with run_gateway(registry.url, kafka, publish_timeout_s=0.5) as client:
        assert (await client.post("/v1/uploads", **sent)).status_code == 202
        restartable_broker.pause()
        try:
            refused = await client.post("/v1/uploads", **sent)
        finally:
            restartable_broker.resume()
        async with asyncio.timeout(60):
            while (again := await client.post("/v1/uploads", **sent)).status_code != 202:
                assert again.json()["code"] == "broker_unavailable"
    body = refused.json()
    assert (refused.status_code, body["code"]) == (503, "broker_unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert body["accepted"] == []
    assert "again" in body["detail"]


async def test_a_promotion_brings_its_classes_with_it(registry, run_gateway, kafka_settings):
    newer = registry.models[0].model_copy(
        update={
            "version": "2",
            "bundle_sha256": "c" * 64,
            "manifest": registry.models[0].manifest.model_copy(
                update={"version": "2", "classes": ("NORMAL", "COVID-19")}
            ),
        }
    )
    sent = {"data": {"label": "COVID-19"}, "files": files(new_jpeg())}
    async with run_gateway(registry.url) as client:
        before = await client.post("/v1/uploads", **sent)
        registry.models.append(newer)
        event = ModelPromoted(
            name="pneumonia", version="2", bundle_sha256="c" * 64, promoted_at_ms=1
        )
        await put(kafka_settings, "models.events", "pneumonia", event)
        async with asyncio.timeout(20):
            while ("GET", "/v1/models/2") not in registry.seen:
                await asyncio.sleep(0.02)
        # It was fetched without being asked for, and stays true: the registry may go.
        registry.refusal = (503, "away")
        async with asyncio.timeout(20):
            while (after := await client.post("/v1/uploads", **sent)).status_code == 503:
                assert after.json()["code"] == "registry_unavailable"
        current = (await client.get("/v1/models/current")).json()
    assert (before.status_code, before.json()["code"]) == (422, "unknown_label")
    assert after.status_code == 202
    assert current["classes"] == ["NORMAL", "COVID-19"]


class Stream:
    """The events of one open stream, as they come."""

    def __init__(self, response):
        self.lines = response.aiter_lines()

    async def next(self):
        async with asyncio.timeout(20):
            async for line in self.lines:
                if line.startswith("data: "):
                    return json.loads(line.removeprefix("data: "))
        return None

    async def beat(self):
        async with asyncio.timeout(20):
            async for line in self.lines:
                if line == ":":
                    return


def event(id_, state, **more):
    return TrainEvent(id=id_, state=state, at_ms=SystemClock().now_ms(), **more)


async def test_a_stream_gives_the_state_then_each_event_and_ends(
    registry, run_gateway, kafka_settings
):
    async with run_gateway(registry.url, stream_beat_s=0.2) as client:
        id_ = (await client.post("/v1/jobs")).json()["id"]
        other = (await client.post("/v1/jobs")).json()["id"]
        async with client.stream("GET", f"/v1/jobs/{id_}/events") as response:
            stream = Stream(response)
            first = await stream.next()
            await put(kafka_settings, "train.events", other, event(other, "running"))
            await put(
                kafka_settings,
                "train.events",
                id_,
                event(id_, "running", phase="fit", progress=0.5, metrics={"loss": 0.1}),
            )
            second = await stream.next()
            await stream.beat()
            await put(
                kafka_settings, "train.events", id_, event(id_, "succeeded", model_version="2")
            )
            seen = []
            while (told := await stream.next()) is not None:
                seen.append(told)
        status = (await client.get("/status")).json()
        assert len(client.gateway.components.control.feeds) == 0
    assert response.headers["content-type"].startswith("text/event-stream")
    assert (first["id"], first["state"]) == (id_, "queued")
    assert (second["phase"], second["progress"], second["metrics"]) == ("fit", 0.5, {"loss": 0.1})
    assert (seen[-1]["state"], seen[-1]["model_version"]) == ("succeeded", "2")
    assert {told["id"] for told in seen} == {id_}
    assert status["last_retrain_time"] is not None


async def test_a_client_that_goes_frees_its_place(registry, run_gateway):
    async with run_gateway(registry.url, max_job_streams=1) as client:
        id_ = (await client.post("/v1/jobs")).json()["id"]
        path = f"/v1/jobs/{id_}/events"
        async with client.stream("GET", path) as response:
            assert (await Stream(response).next())["state"] == "queued"
            full = await client.get(path)
        feeds = client.gateway.components.control.feeds
        async with asyncio.timeout(10):
            while len(feeds):
                await asyncio.sleep(0.01)
        async with client.stream("GET", path) as again:
            assert (await Stream(again).next())["state"] == "queued"
    assert (full.status_code, full.json()["code"]) == (503, "overloaded")
    assert full.headers["Retry-After"] == "1"


async def test_the_last_retraining_is_recalled_from_the_registry(registry, run_gateway):
    job = {"mode": "fast", "policy": "auto", "seed": 0, "requested_at_ms": 1}
    registry.jobs["a"] = Job(id="a", state="succeeded", updated_at_ms=1_760_000_000_000, **job)
    registry.jobs["b"] = Job(id="b", state="failed", updated_at_ms=1_790_000_000_000, **job)
    async with run_gateway(registry.url) as client, asyncio.timeout(20):
        while (told := (await client.get("/status")).json()["last_retrain_time"]) is None:
            await asyncio.sleep(0.02)
    assert told == "2025-10-09T08:53:20+00:00"


async def test_predictions_are_accepted_with_the_registry_down(run_gateway):
    async with run_gateway() as client:
        accepted = await client.post(
            "/v1/predictions",
            content=new_jpeg(),
            headers={"Content-Type": "image/jpeg", "Prefer": "respond-async"},
        )
        jobs = await client.get("/v1/jobs")
        ready = await client.get("/health/ready")
        described = (await client.get("/openapi.json")).json()["paths"]
    assert accepted.status_code == 202
    assert (jobs.status_code, jobs.json()["code"]) == (503, "registry_unavailable")
    assert ready.status_code == 200
    assert {
        "/upload-data",
        "/v1/uploads",
        "/retrain",
        "/v1/jobs",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/cancel",
        "/v1/jobs/{id}/events",
        "/v1/dataset",
        "/v1/dataset/images",
        "/v1/dataset/images/{sha256}",
        "/v1/models",
        "/v1/models/{version}",
        "/v1/models/current",
        "/v1/models/{version}/promote",
        "/v1/models/rollback",
    } <= set(described)
