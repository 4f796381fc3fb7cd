"""Too much work, on a real broker: who would wait too long is told when to come back."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from shared.contracts.predict import Expired, ModelRef, Succeeded
from shared.kafka.clients import new_consumer, new_producer, started
from shared.testing.images import new_jpeg

pytestmark = pytest.mark.kafka

IMAGE = {"Content-Type": "image/jpeg"}
LATER = IMAGE | {"Prefer": "respond-async, wait=60"}
MUCH_LATER = IMAGE | {"Prefer": "respond-async, wait=300"}


def answer_of(id_):
    return Succeeded(
        id=id_,
        label="sick",
        confidence=0.9,
        probabilities={"healthy": 0.1, "sick": 0.9},
        model=ModelRef(name="pneumonia", version="1"),
    ).to_bytes()


def expired(id_):
    return Expired(id=id_, deadline_ms=1).to_bytes()


@asynccontextmanager
async def working(kafka_settings, *, pause_s, outcome=answer_of):
    """Answer one request after the other, and commit as the workers' group."""
    topic = f"{kafka_settings.topic_prefix}predict.requests"
    producer = new_producer(kafka_settings, client_id="stand-in")
    group = f"{kafka_settings.topic_prefix}inference-worker"
    consumer = new_consumer(kafka_settings, client_id="stand-in", group_id=group)
    consumer.assign([TopicPartition(topic, n) for n in range(24)])
    results = f"{kafka_settings.topic_prefix}predict.results"

    async def work():
        async for record in consumer:
            await asyncio.sleep(pause_s)
            await producer.send_and_wait(
                results, key=record.key, value=outcome(record.key.decode())
            )
            partition = TopicPartition(topic, record.partition)
            await consumer.commit({partition: record.offset + 1})

    async with started(producer), started(consumer):
        task = asyncio.create_task(work())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def submit(client, count, headers=LATER):
    statuses = [
        (await client.post("/v1/predictions", content=new_jpeg(), headers=headers)).status_code
        for _ in range(count)
    ]
    assert statuses == [202] * count


async def until_refused(client, wait):
    async with asyncio.timeout(60):
        while True:
            response = await ask(client, wait)
            if response.status_code == 503:
                return response


async def ask(client, wait):
    headers = IMAGE | {"Prefer": f"wait={wait}"}
    return await client.post("/v1/predictions", content=new_jpeg(), headers=headers)


async def metric(client, pattern):
    found = re.search(rf"^{pattern} (\S+)$", (await client.get("/metrics")).text, re.MULTILINE)
    return None if found is None else float(found[1])


async def until(client, pattern, holds):
    async with asyncio.timeout(60):
        while (value := await metric(client, pattern)) is None or not holds(value):
            await asyncio.sleep(0.05)


async def test_who_would_wait_too_long_is_refused_and_gets_in_when_told_to(
    kafka_settings, run_gateway
):
    lag = r'pneumo_consumer_lag\{group="\S+inference-worker",topic="\S+predict.requests"\}'
    async with run_gateway() as first, run_gateway() as second:
        await submit(first, 150)
        await until(second, lag, lambda records: records == 150)
        async with working(kafka_settings, pause_s=0.02):
            # Nobody has asked the second gateway for anything: it knows by lag and outcomes.
            for client in (first, second):
                refused = await until_refused(client, "0.3")
                assert refused.json()["code"] == "overloaded"
                assert int(refused.headers["Retry-After"]) >= 1
                assert await metric(client, r'pneumo_rejected_total\{reason="wait"\}') >= 1
                assert await metric(client, "pneumo_estimated_wait_seconds") > 0
            patient = await first.post("/v1/predictions", content=new_jpeg(), headers=LATER)
            assert patient.status_code == 202
            async with asyncio.timeout(60):
                while refused.status_code == 503:
                    await asyncio.sleep(int(refused.headers["Retry-After"]))
                    refused = await ask(first, "20")
            assert refused.status_code == 200
            await until(first, lag, lambda records: records == 0)
            await until(first, "pneumo_backlog", lambda requests: requests == 0)
        assert await metric(first, "pneumo_in_flight") == 0


async def test_submissions_that_nobody_answers_are_bounded(run_gateway):
    async with run_gateway(max_in_flight=3) as client:
        await submit(client, 3)
        refused = await client.post("/v1/predictions", content=new_jpeg(), headers=LATER)
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert await metric(client, r'pneumo_rejected_total\{reason="in_flight"\}') == 1
        assert await metric(client, "pneumo_in_flight") == 3


async def test_answered_submissions_make_room(kafka_settings, run_gateway):
    async with run_gateway(max_in_flight=3, max_wait_s=300) as client:
        await submit(client, 3, MUCH_LATER)
        async with working(kafka_settings, pause_s=0):
            await until(client, "pneumo_in_flight", lambda requests: requests == 0)
        await submit(client, 3, MUCH_LATER)


async def test_a_late_answer_is_counted_and_read_by_id(kafka_settings, run_gateway):
    async with run_gateway() as client:
        late = await ask(client, "0.2")
        assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
        pattern = r'pneumo_deadlines_exceeded_total\{reason="no_answer"\}'
        assert await metric(client, pattern) == 1
        async with working(kafka_settings, pause_s=0):
            async with asyncio.timeout(30):
                while (await client.get(late.headers["Location"])).status_code != 200:
                    await asyncio.sleep(0.05)
            async with run_gateway() as other:
                found = await other.get(late.headers["Location"])
        assert found.json()["id"] == late.json()["id"]


async def test_what_expired_before_a_worker_began_is_504_with_its_id_and_counted(
    kafka_settings, run_gateway
):
    async with (
        run_gateway() as client,
        working(kafka_settings, pause_s=0, outcome=expired),
    ):
        answer = await ask(client, "30")
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
        assert (await client.get(f"/v1/predictions/{answer.json()['id']}")).status_code == 504
        pattern = r'pneumo_deadlines_exceeded_total\{reason="expired"\}'
        assert await metric(client, pattern) == 1
