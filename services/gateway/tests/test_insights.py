"""Insights, thumbnails and /status over HTTP."""

import asyncio
import hashlib
import io
from types import SimpleNamespace

import pytest
from PIL import Image

from gateway.http.formats.status_answer import StatusAnswer
from gateway.subscribers.cluster import ClusterView
from shared.clock import SystemClock
from shared.contracts.insights import DatasetInsights, ModelInsights
from shared.contracts.models import WorkerStatus
from shared.contracts.topics import TRAIN_EVENTS, WORKERS_STATUS
from shared.contracts.train import EpochFigures, GateReport, TrainEvent
from shared.kafka.clients import new_producer, started
from shared.testing.images import new_jpeg

DATASET = DatasetInsights(
    snapshot_sha256="ab" * 32,
    images=0,
    measured=0,
    left_out=0,
    complete=True,
    classes=(),
    distribution=None,
    samples=None,
    intensity=None,
    edge_density=None,
)
MODEL = ModelInsights(
    name="pneumonia",
    version="1",
    classes=("NORMAL", "PNEUMONIA"),
    reference_class="NORMAL",
    threshold=0.5,
    trained_on=None,
    curves=None,
    validation=None,
    test=None,
)


async def test_insights_come_from_the_registry_as_they_are(controlling, registry):
    registry.insights = {"dataset": DATASET, "1": MODEL}
    async with controlling(registry.url) as client:
        dataset = await client.get("/v1/dataset/insights")
        model = await client.get("/v1/models/1/insights?prevalence=0.25")
        unknown = await client.get("/v1/models/2/insights")
        impossible = await client.get("/v1/models/1/insights?prevalence=1")
        no_version = await client.get("/v1/models/..%20/insights")
    assert dataset.json() == DATASET.model_dump(mode="json")
    assert model.json() == MODEL.model_dump(mode="json")
    assert registry.prevalence == 0.25
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (impossible.status_code, impossible.json()["code"]) == (400, "malformed_request")
    assert (no_version.status_code, no_version.json()["code"]) == (404, "not_found")


async def test_with_the_registry_down_insights_say_so(controlling):
    async with controlling("http://127.0.0.1:1") as client:
        for path in ("/v1/dataset/insights", "/v1/models/1/insights"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "registry_unavailable")


def bomb():
    """A PNG of a few kB that has a hundred megapixels."""
    stream = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(stream, "PNG")
    return stream.getvalue()


async def test_a_stored_image_has_a_thumbnail_and_what_cannot_be_shown_a_problem(
    controlling, registry
):
    contents = [new_jpeg(), b"no picture at all", bomb()]
    shas = [hashlib.sha256(content).hexdigest() for content in contents]
    registry.contents = dict(zip(shas, contents, strict=True))
    async with controlling(registry.url) as client:
        paths = [f"/v1/dataset/images/{sha}/thumbnail" for sha in (*shas, "0" * 64, "x")]
        seen, damaged, huge, gone, no_name = [await client.get(path) for path in paths]
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    assert seen.headers["cache-control"] == "no-store"
    with Image.open(io.BytesIO(seen.content)) as shown:
        assert (shown.size, shown.mode) == ((224, 224), "L")
    assert len(seen.content) < 40_000
    problems = [(one.status_code, one.json()["code"]) for one in (damaged, huge, gone, no_name)]
    assert problems == [
        (415, "unsupported_media_type"),
        (413, "too_many_pixels"),
        (404, "not_found"),
        (404, "not_found"),
    ]


def test_the_newest_ending_counts_however_it_came():
    cluster = ClusterView()
    assert cluster.last_ended_job is None
    for at_ms, state in ((3, "succeeded"), (5, "rejected"), (4, "failed"), (9, "running")):
        cluster.note_ended(TrainEvent(id=state, state=state, at_ms=at_ms))
    assert cluster.last_ended_job.id == "rejected"
    assert cluster.last_retrain_ms == 3


def test_a_worker_that_left_has_no_rate():
    cluster = ClusterView()
    for at_ms, count in ((1_000, 0), (6_000, 50)):
        word = WorkerStatus(id="w", ready=True, predictions=count, at_ms=at_ms)
        cluster.on_worker_status(SimpleNamespace(key=b"w", value=word.to_bytes()))
    assert cluster.predictions_per_second("w") == 10.0
    cluster.on_worker_status(SimpleNamespace(key=b"w", value=None))
    assert cluster.predictions_per_second("w") is None


@pytest.mark.kafka
async def test_status_tells_who_is_how_fast_what_went_wrong_and_how_training_ended(
    run_gateway, kafka_settings
):
    now_ms = SystemClock().now_ms()
    gate = GateReport(accepted=False, checks=(), current_version="1", images=3)
    ended = TrainEvent(
        id="job", state="rejected", gate=gate, model_version="2", error="ward-3.jpeg", at_ms=now_ms,
        curves=(EpochFigures(epoch=1, loss=0.5),),
    )  # fmt: skip
    words = [
        WorkerStatus(id="w", ready=True, version="1", predictions=n, at_ms=now_ms + 1_000 * n)
        for n in (0, 10)
    ]
    prefix = kafka_settings.topic_prefix
    async with run_gateway() as client:
        async with started(new_producer(kafka_settings, client_id="test")) as producer:
            for topic, key, message in (
                *((WORKERS_STATUS, "w", word) for word in words),
                (TRAIN_EVENTS, "job", ended),
            ):
                await producer.send_and_wait(
                    topic.prefixed(prefix).name, key=key.encode(), value=message.to_bytes()
                )
        for _ in range(2):
            await client.post("/predict", files={"file": ("mine.jpeg", b"no picture")})
        await client.get("/nowhere/ward-3")
        async with asyncio.timeout(20):
            while True:
                status = (await client.get("/status")).json()
                lags = len(status["lag"])  # one is looked at after the other
                if status["last_retrain"] and status["workers"] and lags == 2:
                    break
                await asyncio.sleep(0.05)
    assert set(status) == set(StatusAnswer.model_fields)
    StatusAnswer.model_validate(status)
    assert (status["ready"], status["readiness"]) == (True, {"broker": True, "topics": True})
    assert status["predictions_per_second"] == 1.0
    assert status["workers"][0]["predictions_per_second"] == 1.0
    retrain = status["last_retrain"]
    assert (retrain["state"], retrain["accepted"], retrain["model_version"]) == (
        "rejected",
        False,
        "2",
    )
    groups = {one["group"].removeprefix(kafka_settings.topic_prefix) for one in status["lag"]}
    assert groups == {"inference-worker", "inference-worker-retry"}
    assert status["load"]["in_flight"] == 0
    unmatched, refused = status["errors"]
    assert (unmatched["code"], unmatched["route"]) == ("not_found", "unmatched")
    assert (refused["code"], refused["route"], refused["count"]) == (
        "unsupported_media_type",
        "/predict",
        2,
    )
    assert refused["first_at"] <= refused["last_at"] <= unmatched["last_at"]
    for words_of_a_client in ("ward-3", "mine.jpeg"):
        assert words_of_a_client not in str(status)
