"""A broker that stops, restarts or freezes: quick refusals, and recovery by itself."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from shared.clock import new_id
from shared.contracts.headers import parse_request_headers
from shared.contracts.predict import ModelRef, Succeeded
from shared.kafka.admin import create_topics
from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.settings import KafkaSettings
from shared.testing.images import new_jpeg

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]

PARTITIONS = 24
AT_ONCE = 8
"""More at once, and a busy machine alone keeps some from being confirmed in time."""
PUBLISH_TIMEOUT_S = 2.0
RECOVERY_S = 150
REFUSED = {(503, "broker_unavailable")}
AT_FIRST = REFUSED | {(503, "overloaded")}
"""A broker that has just come back; on a busy machine its first answers promise a long wait."""
WAIT = {"Content-Type": "image/jpeg", "Prefer": "wait=60"}


@pytest.fixture
async def settings(restartable_broker):
    settings = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(settings)
    return settings


@asynccontextmanager
async def answering(settings):
    """Answer every request that there is and will be."""
    producer = new_producer(settings, client_id="stand-in")
    consumer = new_consumer(settings, client_id="stand-in")
    consumer.subscribe(["predict.requests"])

    async def loop():
        async for record in consumer:
            id_ = parse_request_headers(record.headers).id
            outcome = Succeeded(
                id=id_,
                label="sick",
                confidence=0.9,
                probabilities={"healthy": 0.1, "sick": 0.9},
                model=ModelRef(name="pneumonia", version="1"),
            )
            await producer.send_and_wait(
                "predict.results", key=id_.encode(), value=outcome.to_bytes()
            )

    async with started(producer), started(consumer):
        task = asyncio.create_task(loop())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_broker(client, *, reachable):
    async with asyncio.timeout(RECOVERY_S):
        while True:
            ready = await client.get("/health/ready")
            # Whatever becomes of the broker, the gateway stays behind its load balancer.
            assert ready.status_code == 200
            if ready.json()["dependencies"] == {"broker": reachable}:
                return
            await asyncio.sleep(0.05)


async def ask(client):
    return await client.post("/v1/predictions", content=new_jpeg(), headers=WAIT)


async def expect_refusals(client):
    """Before it is known the publish timeout ends a request; then the door does."""
    early = await asyncio.gather(*(ask(client) for _ in range(2 * PARTITIONS)))
    assert {(r.status_code, r.json()["code"]) for r in early} == REFUSED
    await until_broker(client, reachable=False)
    later = [await ask(client), await client.get(f"/v1/predictions/{new_id()}")]
    for response in later:
        assert (response.status_code, response.json()["code"]) in REFUSED
        assert int(response.headers["Retry-After"]) >= 1
    assert client.gateway.service.report().in_flight == 0


async def expect_service(client, settings):
    """Whatever a broker that has just come back leaves open is refused; then all is answered."""
    await until_broker(client, reachable=True)
    async with answering(settings), asyncio.timeout(RECOVERY_S):
        while refused := await refused_of(client):
            assert refused <= AT_FIRST
            await asyncio.sleep(0.2)


async def refused_of(client):
    # Enough to meet every partition, and whatever a freeze may have left in it.
    places = asyncio.Semaphore(AT_ONCE)

    async def ask_in_turn():
        async with places:
            return await ask(client)

    answers = await asyncio.gather(*(ask_in_turn() for _ in range(4 * PARTITIONS)))
    return {(r.status_code, r.json().get("code")) for r in answers if r.status_code != 200}


async def test_a_frozen_broker_is_refused_quickly_and_served_when_it_thaws(
    restartable_broker, settings, run_gateway
):
    async with run_gateway(kafka=settings, publish_timeout_s=PUBLISH_TIMEOUT_S) as client:
        restartable_broker.pause()
        try:
            await expect_refusals(client)
        finally:
            restartable_broker.resume()
        await expect_service(client, settings)


async def test_a_broker_that_stops_and_starts_again_is_found_again(
    restartable_broker, settings, run_gateway
):
    async with run_gateway(kafka=settings, publish_timeout_s=PUBLISH_TIMEOUT_S) as client:
        await asyncio.to_thread(restartable_broker.stop)
        await expect_refusals(client)
        await asyncio.to_thread(restartable_broker.start)
        await expect_service(client, settings)
