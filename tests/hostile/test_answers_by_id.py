"""Polling by id costs no Kafka connection, and a Location is given for what was accepted only."""

import asyncio
import base64
from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from gateway.adapters.reader_pool import ReaderPool
from gateway.main import build_gateway
from gateway.ports import LookupBusyError
from gateway.settings import Settings
from shared.clock import new_id
from shared.contracts.accepted import parse_accepted
from shared.contracts.headers import parse_request_headers
from shared.contracts.models import ModelPromoted
from shared.contracts.predict import ModelRef, Succeeded
from shared.contracts.topics import ALL_TOPICS, PREDICT_ACCEPTED
from shared.kafka.admin import create_topics
from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.settings import KafkaSettings
from shared.testing.images import new_jpeg

JPEG = {"Content-Type": "image/jpeg"}
LATER = JPEG | {"Prefer": "respond-async"}


@asynccontextmanager
async def gateway(kafka, **changes):
    """A gateway that is ready; its client has it as `.gateway`."""
    async with build_gateway(Settings(kafka=kafka, **changes)) as built:
        following = asyncio.create_task(built.run())
        async with asyncio.timeout(60):
            while not built.ready:
                await asyncio.sleep(0.05)
        transport = httpx.ASGITransport(built.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", timeout=60
        ) as http:
            http.gateway = built
            yield http
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def accept(client):
    accepted = await client.post("/v1/predictions", content=new_jpeg(), headers=LATER)
    assert accepted.status_code == 202
    return accepted.json()["id"]


async def poll(client, *ids):
    found = await asyncio.gather(*(client.get(f"/v1/predictions/{id_}") for id_ in ids))
    return Counter(response.status_code for response in found)


@pytest.fixture
def kafka_calls(monkeypatch):
    """Counts consumers that connect, and questions by time, one of which begins each look-up."""
    calls = Counter()
    for name in ("start", "offsets_for_times"):
        whole = getattr(AIOKafkaConsumer, name)

        async def counted(self, *args, _name=name, _whole=whole, **kwargs):
            calls[_name] += 1
            return await _whole(self, *args, **kwargs)

        monkeypatch.setattr(AIOKafkaConsumer, name, counted)
    return calls


def read_topic(kafka, name):
    async def read():
        consumer = new_consumer(kafka, client_id="test")
        topic = f"{kafka.topic_prefix}{name}"
        consumer.subscribe([topic])
        async with started(consumer):
            ends = await consumer.end_offsets(consumer.assignment())
            found = []
            while any([await consumer.position(p) < end for p, end in ends.items()]):
                batches = await consumer.getmany(timeout_ms=200)
                found += [record for records in batches.values() for record in records]
        return found

    return read()


@asynccontextmanager
async def answering(kafka):
    """Answer every request in the worker's place."""
    producer = new_producer(kafka, client_id="stand-in")
    consumer = new_consumer(kafka, client_id="stand-in")
    consumer.subscribe([f"{kafka.topic_prefix}predict.requests"])

    async def loop():
        async for record in consumer:
            id_ = parse_request_headers(record.headers).id
            outcome = Succeeded(
                id=id_,
                label="sick",
                confidence=1,
                probabilities={"sick": 1},
                model=ModelRef(name="m", version="1"),
            )
            await producer.send_and_wait(
                f"{kafka.topic_prefix}predict.results", key=id_.encode(), value=outcome.to_bytes()
            )

    async with started(producer), started(consumer):
        task = asyncio.create_task(loop())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.kafka
async def test_polling_what_this_gateway_accepted_asks_kafka_nothing(kafka_settings, kafka_calls):
    async with gateway(kafka_settings) as client:
        ids = [await accept(client) for _ in range(3)]
        kafka_calls.clear()
        assert await poll(client, *ids * 10) == {202: 30}
        assert not kafka_calls


@pytest.mark.kafka
async def test_polling_what_another_gateway_accepted_is_one_look_up(kafka_settings, kafka_calls):
    async with gateway(kafka_settings) as first, gateway(kafka_settings) as second:
        id_ = await accept(first)
        kafka_calls.clear()
        for _ in range(3):
            assert await poll(second, *[id_] * 10) == {202: 10}
        assert kafka_calls == {"start": 1, "offsets_for_times": 1}
        async with answering(kafka_settings), asyncio.timeout(60):
            while (await second.get(f"/v1/predictions/{id_}")).status_code != 200:
                await asyncio.sleep(0.05)
        assert kafka_calls["start"] <= 4 + 1  # the stand-in's


@pytest.mark.kafka
async def test_ids_that_never_were_share_the_consumers_that_are_kept(kafka_settings, kafka_calls):
    async with gateway(kafka_settings) as client:
        kafka_calls.clear()
        ids = [new_id() for _ in range(12)]
        assert await poll(client, *ids) == {404: 12}
        again = kafka_calls.copy()
        assert await poll(client, *ids) == {404: 12}
        assert kafka_calls["start"] <= 4
        assert kafka_calls == again


@pytest.mark.kafka
async def test_a_restarted_gateway_finds_what_was_pending_and_then_its_outcome(kafka_settings):
    async with gateway(kafka_settings) as client:
        id_ = await accept(client)
    async with gateway(kafka_settings) as client:
        assert await poll(client, id_) == {202: 1}
    async with gateway(kafka_settings) as client, answering(kafka_settings), asyncio.timeout(60):
        while await poll(client, id_) != {200: 1}:
            await asyncio.sleep(0.05)


async def test_look_ups_that_wait_are_bounded():
    lent, done = asyncio.Event(), asyncio.Event()
    started_ = []

    async def start():
        started_.append(1)

    pool = ReaderPool(
        lambda: SimpleNamespace(start=start, assignment=tuple, pause=lambda: None),
        size=1,
        max_waiting=1,
    )

    async def use():
        async with pool.reader():
            lent.set()
            await done.wait()

    users = [asyncio.create_task(use()) for _ in range(2)]
    await lent.wait()
    with pytest.raises(LookupBusyError):
        await use()
    done.set()
    await asyncio.gather(*users)
    assert len(started_) == 1


IMAGE = {
    "name": "image",
    "shape": [1],
    "datatype": "BYTES",
    "data": [base64.b64encode(new_jpeg()).decode()],
}


async def announce_model(kafka):
    event = ModelPromoted(
        name="pneumonia", version="1", bundle_sha256="a" * 64, promoted_at_ms=1_800_000_000_000
    )
    async with started(new_producer(kafka, client_id="test")) as producer:
        topic = f"{kafka.topic_prefix}models.events"
        await producer.send_and_wait(topic, key=b"pneumonia", value=event.to_bytes())


@pytest.mark.kafka
async def test_what_a_frozen_broker_did_not_confirm_is_503_and_has_no_location(restartable_broker):
    kafka = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(kafka)
    await announce_model(kafka)
    async with gateway(kafka, default_wait_s=0.5, publish_timeout_s=30) as client:
        restartable_broker.pause()
        try:
            asked = [
                client.post("/predict", files={"file": ("a.jpeg", new_jpeg(), "image/jpeg")}),
                client.post("/v1/predictions", content=new_jpeg(), headers=JPEG),
                client.post("/v2/models/pneumonia/infer", json={"inputs": [IMAGE]}),
                client.post(
                    "/v1/predictions", content=new_jpeg(), headers=JPEG | {"Prefer": "wait=0.3"}
                ),
            ]
            refused = await asyncio.gather(*asked)
        finally:
            restartable_broker.resume()
    for response in refused:
        code = response.json().get("code")
        assert (response.status_code, code) == (503, "broker_unavailable"), response.text
        assert "Location" not in response.headers
        assert "Retry-After" in response.headers


@pytest.mark.kafka
async def test_only_ids_that_clients_hold_unanswered_are_recorded(kafka_settings):
    async with gateway(kafka_settings) as client:
        later = await accept(client)
        late = await client.post(
            "/v1/predictions", content=new_jpeg(), headers=JPEG | {"Prefer": "wait=0.3"}
        )
        assert late.status_code == 504
        assert late.headers["Location"].endswith(late.json()["id"])
        async with answering(kafka_settings):
            answered = await client.post("/v1/predictions", content=new_jpeg(), headers=JPEG)
            assert answered.status_code == 200
    requests = {r.key.decode(): r for r in await read_topic(kafka_settings, "predict.requests")}
    entries = [
        parse_accepted(r.headers) for r in await read_topic(kafka_settings, "predict.accepted")
    ]
    assert {entry.id for entry in entries} == {later, late.json()["id"]}
    for entry in entries:
        record = requests[entry.id]
        assert (entry.partition, entry.offset) == (record.partition, record.offset)
        assert entry.deadline_ms == parse_request_headers(record.headers).deadline_ms
    assert len(requests) == 3


@pytest.fixture
async def topics_of_before(kafka_broker):
    """The topics of a cluster whose topics job has not run since the upgrade."""
    kafka = KafkaSettings(bootstrap_servers=kafka_broker, topic_prefix=f"t{new_id()[-8:]}.")
    await create_topics(kafka, [spec for spec in ALL_TOPICS if spec is not PREDICT_ACCEPTED])
    return kafka


@pytest.mark.kafka
async def test_without_the_topic_of_accepted_ids_predictions_are_served(topics_of_before):
    async with gateway(topics_of_before) as first:
        id_ = await accept(first)
        late = await first.post(
            "/v1/predictions", content=new_jpeg(), headers=JPEG | {"Prefer": "wait=0.3"}
        )
        assert late.status_code == 504
    async with gateway(topics_of_before) as second:
        assert await poll(second, id_, late.json()["id"]) == {202: 2}
