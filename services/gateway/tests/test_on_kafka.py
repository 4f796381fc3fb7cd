"""The gateway on a real broker; a stand-in answers in the worker's place."""

import asyncio
import io
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from PIL import Image

from gateway.main import build_gateway
from gateway.settings import Settings
from shared.clock import SystemClock, new_id
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import parse_request_headers
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.contracts.predict import Expired, Failed, ModelRef, Succeeded, Timings
from shared.kafka.admin import create_topics
from shared.kafka.clients import STOP_TIMEOUT_S, new_consumer, new_producer, started
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka


@asynccontextmanager
async def running_gateway(kafka_settings, **changes):
    settings = Settings(kafka=kafka_settings, **changes)
    async with build_gateway(settings) as gateway:
        following = asyncio.create_task(gateway.run())
        async with asyncio.timeout(90):
            while not gateway.ready:
                await asyncio.sleep(0.05)
        transport = httpx.ASGITransport(gateway.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def succeeded(id_):
    return Succeeded(
        id=id_,
        label="sick",
        confidence=0.9,
        probabilities={"healthy": 0.1, "sick": 0.9},
        model=ModelRef(name="pneumonia", version="1"),
    )


@asynccontextmanager
async def answering(kafka_settings, answer=succeeded, *, repeats=1):
    """Answer every request on the topic with what `answer(id)` gives; None is silence."""
    prefix = kafka_settings.topic_prefix
    producer = new_producer(kafka_settings, client_id="stand-in")
    consumer = new_consumer(kafka_settings, client_id="stand-in")
    consumer.subscribe([f"{prefix}predict.requests"])
    seen = []

    async def loop():
        async for record in consumer:
            headers = parse_request_headers(record.headers)
            seen.append((headers, record.value))
            outcome = answer(headers.id)
            for _ in range(repeats if outcome else 0):
                await producer.send_and_wait(
                    f"{prefix}predict.results", key=headers.id.encode(), value=outcome.to_bytes()
                )

    async with started(producer), started(consumer):
        task = asyncio.create_task(loop())
        yield seen
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def form(data, name="chest.jpeg", kind="image/jpeg", field="file"):
    return {field: (name, data, kind)}


async def test_predict_answers_in_the_seeds_shape_and_more(kafka_settings):
    image = new_jpeg()
    async with running_gateway(kafka_settings) as client, answering(kafka_settings) as seen:
        response = await client.post("/predict", files=form(image, name="../../p 1.jpeg"))
    body = response.json()
    assert response.status_code == 200
    assert body["filename"] == "../../p 1.jpeg"
    assert (body["label"], body["confidence"]) == ("sick", 0.9)
    assert body["model"] == {"name": "pneumonia", "version": "1"}
    assert body["status"] == "succeeded"
    ((headers, value),) = seen
    assert (headers.id, headers.content_type, value) == (body["id"], "image/jpeg", image)


def stages_of(response):
    """Name the stages of Server-Timing, in the order they stand there, with their ms."""
    stages = (stage.split(";dur=") for stage in response.headers["Server-Timing"].split(", "))
    return {name: float(ms) for name, ms in stages}


def timed(id_):
    timings = Timings(queue_ms=1.5, decode_ms=0.25, infer_ms=0.75)
    return succeeded(id_).model_copy(update={"timings": timings})


@pytest.mark.parametrize("path", ["/predict", "/v1/predictions"])
async def test_an_answer_tells_where_its_time_went_and_so_do_the_metrics(kafka_settings, path):
    async with running_gateway(kafka_settings) as client, answering(kafka_settings, timed):
        response = await client.post(path, files=form(new_jpeg()))
        later = await client.get(response.headers["Location"])
        metrics = (await client.get("/metrics")).text
    stages = stages_of(response)
    assert list(stages) == ["admit", "queue", "decode", "infer", "reply"]
    assert (stages["queue"], stages["decode"], stages["infer"]) == (1.5, 0.25, 0.75)
    assert stages["admit"] > 0
    # Who asks afterwards was not admitted: the worker's part is all there is to tell.
    assert list(stages_of(later)) == ["queue", "decode", "infer"]
    for stage in ("admit", "reply"):
        assert f'pneumo_stage_seconds_count{{stage="{stage}"}} 1.0' in metrics


async def test_repeated_and_concurrent_outcomes_wake_the_right_waiters_once(kafka_settings):
    async with running_gateway(kafka_settings) as client, answering(kafka_settings, repeats=3):
        posts = [client.post("/v1/predictions", files=form(new_jpeg(seed=n))) for n in range(20)]
        bodies = [response.json() for response in await asyncio.gather(*posts)]
        status = (await client.get("/status")).json()
    assert len({body["id"] for body in bodies}) == 20
    assert status["num_predictions"] >= 20


@pytest.mark.parametrize("path", ["/predict", "/v1/predictions"])
async def test_who_asks_for_an_explanation_asks_a_worker_for_it_by_its_only_word(
    kafka_settings, path
):
    # A minute: after one slow answer a busy gateway rightly refuses what has ten seconds.
    patient = running_gateway(kafka_settings, default_wait_s=60, publish_timeout_s=30)
    async with patient as client, answering(kafka_settings) as seen:
        refused = [
            await client.post(path, files=form(new_jpeg()), params={"explain": value})
            for value in ("shap", "", "CAM", ["cam", "shap"])
        ]
        plain = await client.post(path, files=form(new_jpeg()))
        explained = await client.post(path, files=form(new_jpeg()), params={"explain": "cam"})
    assert (plain.status_code, explained.status_code) == (200, 200)
    assert {(one.status_code, one.json()["code"]) for one in refused} == {
        (400, "malformed_request")
    }
    assert [headers.explain for headers, _ in seen] == [None, "cam"]
    assert "explanation" not in plain.json()


async def test_async_requests_are_read_by_id_from_any_gateway(kafka_settings):
    async with running_gateway(kafka_settings) as first:
        accepted = await first.post(
            "/v1/predictions",
            content=new_jpeg(),
            headers={"Content-Type": "image/jpeg", "Prefer": "respond-async"},
        )
        assert accepted.status_code == 202
        pending = await first.get(accepted.headers["Location"])
        assert (pending.status_code, pending.json()["status"]) == (202, "pending")
        async with answering(kafka_settings):
            async with asyncio.timeout(20):
                while (await first.get(accepted.headers["Location"])).status_code != 200:
                    await asyncio.sleep(0.05)
    # A gateway that was not there then has nothing in memory: it reads the topic.
    async with running_gateway(kafka_settings) as second:
        found = await second.get(accepted.headers["Location"])
    assert (found.status_code, found.json()["label"]) == (200, "sick")


async def test_no_answer_in_time_is_504_and_the_late_one_is_still_readable(kafka_settings):
    async with running_gateway(kafka_settings) as client:
        late = await client.post(
            "/v1/predictions", files=form(new_jpeg()), headers={"Prefer": "wait=0.3"}
        )
        assert late.status_code == 504
        assert late.json()["code"] == "deadline_exceeded"
        assert late.headers["Location"].endswith(late.json()["id"])
        async with answering(kafka_settings), asyncio.timeout(20):
            while (await client.get(late.headers["Location"])).status_code != 200:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (lambda i: Failed(id=i, code=ErrorCode.UNDECODABLE, detail="cut"), 422),
        (lambda i: Failed(id=i, code=ErrorCode.INFERENCE_FAILED, detail="no"), 500),
        (lambda i: Expired(id=i, deadline_ms=1), 504),
    ],
)
async def test_a_failure_is_a_problem_now_and_later(kafka_settings, outcome, status):
    async with running_gateway(kafka_settings) as client, answering(kafka_settings, outcome):
        now = await client.post("/v1/predictions", files=form(new_jpeg()))
        later = await client.get(f"/v1/predictions/{now.json()['id']}")
    for response in (now, later):
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
    assert list(stages_of(now)) == ["admit", "reply"]
    assert "Server-Timing" not in later.headers


def png_bomb():
    buffer = io.BytesIO()
    Image.new("1", (10_000, 6_000)).save(buffer, "PNG")
    return buffer.getvalue()


NOT_MULTIPART = {"content": b"{}", "headers": {"Content-Type": "application/json"}}
NO_BOUNDARY = {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}
CUT_SHORT = {
    "content": b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nxx',
    "headers": {"Content-Type": "multipart/form-data; boundary=b"},
}


@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        ({"files": form(b"a letter", kind="text/plain")}, 415, "unsupported_media_type"),
        ({"files": form(b"")}, 400, "empty_file"),
        ({"files": form(png_bomb())}, 413, "too_many_pixels"),
        ({"files": form(b"\xff\xd8\xff" + b"x" * 20_000_000)}, 413, "too_large"),
        ({"files": form(new_jpeg(), field="picture")}, 400, "missing_field"),
        ({"data": {"file": ""}, "files": form(b"x", field="other")}, 400, "empty_file"),
        ({}, 415, "unsupported_media_type"),
        (NOT_MULTIPART, 415, "unsupported_media_type"),
        (NO_BOUNDARY, 400, "malformed_request"),
        (CUT_SHORT, 400, "malformed_request"),
    ],
)
async def test_bad_input_is_refused_before_kafka(kafka_settings, request_body, status, code):
    async with running_gateway(kafka_settings) as client, answering(kafka_settings) as seen:
        response = await client.post("/predict", **request_body)
        good = await client.post("/predict", files=form(new_jpeg()))
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert good.status_code == 200
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/v1/predictions/{new_id}", {}, 404, "not_found"),
        ("GET", "/v1/predictions/..%2f..%2fetc", {}, 404, "not_found"),
        ("GET", "/v1/predictions/nonsense", {}, 404, "not_found"),
        ("DELETE", "/predict", {}, 405, "method_not_allowed"),
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("POST", "/v1/predictions", {"Prefer": "wait=soon"}, 400, "malformed_request"),
        ("POST", "/v1/predictions", {"Prefer": "wait=-1"}, 400, "malformed_request"),
    ],
)
async def test_wrong_requests_are_problems(kafka_settings, method, path, headers, status, code):
    async with running_gateway(kafka_settings) as client:
        response = await client.request(method, path.format(new_id=new_id()), headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_a_full_gateway_says_when_to_come_back(kafka_settings):
    async with running_gateway(kafka_settings, max_in_flight=1) as client:
        waiting = asyncio.create_task(
            client.post("/v1/predictions", files=form(new_jpeg()), headers={"Prefer": "wait=2"})
        )
        await asyncio.sleep(0.2)
        refused = await client.post("/predict", files=form(new_jpeg()))
        await waiting
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "1"


async def test_status_tells_of_workers_and_model(kafka_settings):
    now = SystemClock().now_ms()
    word = WorkerStatus(id="worker-0", ready=True, model="pneumonia", version="7", at_ms=now)
    event = ModelPromoted(name="pneumonia", version="7", bundle_sha256="a" * 64, promoted_at_ms=now)
    prefix = kafka_settings.topic_prefix
    producer = new_producer(kafka_settings, client_id="test")
    await producer.start()
    await producer.send_and_wait(f"{prefix}workers.status", key=b"worker-0", value=word.to_bytes())
    await producer.send_and_wait(f"{prefix}models.events", key=b"pneumonia", value=event.to_bytes())
    await producer.send_and_wait(f"{prefix}models.events", key=b"x", value=b"not an event")
    await producer.stop()
    async with running_gateway(kafka_settings) as client:
        body = (await client.get("/status")).json()
        ready = await client.get("/health/ready")
        metrics = (await client.get("/metrics")).text
    assert body["current_model"]["version"] == "7"
    assert [(w["id"], w["version"], w["ready"]) for w in body["workers"]] == [
        ("worker-0", "7", True)
    ]
    assert body["uptime_seconds"] > 0
    assert body["last_retrain_time"] is None
    assert body["broker"] == {"reachable": True}
    assert ready.status_code == 200
    assert 'pneumo_http_requests_total{method="GET",route="/status",status="200"} 1.0' in metrics


async def test_a_gateway_closes_in_time_while_its_broker_is_frozen(restartable_broker):
    settings = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(settings)
    gateway = AsyncExitStack()
    built = await gateway.enter_async_context(
        build_gateway(Settings(kafka=settings, publish_timeout_s=0.5))
    )
    await gateway.enter_async_context(built.clients.connected())
    probing = asyncio.create_task(built.probe.run())
    async with asyncio.timeout(20):
        while not built.probe.reachable:
            await asyncio.sleep(0.05)
    restartable_broker.pause()
    try:
        with pytest.raises(BrokerUnavailableError):
            await built.service.submit(new_jpeg(), "image/jpeg", 10)
        async with asyncio.timeout(10):
            while built.probe.reachable:
                await asyncio.sleep(0.05)
        refused = await built.service.submit(new_jpeg(), "image/jpeg", 10)
        assert refused.code is ErrorCode.BROKER_UNAVAILABLE
        probing.cancel()
        async with asyncio.timeout(3 * STOP_TIMEOUT_S):
            await gateway.aclose()
    finally:
        restartable_broker.resume()
