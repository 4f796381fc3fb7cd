"""What only a real broker can show: events arrive, in order, whatever dies in between."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from embedded.kafka.process import RestartableBroker
from registry.main import build
from registry.settings import Settings
from shared.contracts.models import ModelPromoted
from shared.contracts.topics import MODELS_EVENTS
from shared.kafka.admin import create_topics
from shared.kafka.clients import new_consumer, started
from shared.kafka.settings import KafkaSettings

pytestmark = pytest.mark.kafka

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]

NOWHERE = "127.0.0.1:1"


@asynccontextmanager
async def _reading(kafka: KafkaSettings) -> AsyncIterator[tuple[AIOKafkaConsumer, TopicPartition]]:
    consumer = new_consumer(kafka, client_id="test")
    async with started(consumer):
        partition = TopicPartition(f"{kafka.topic_prefix}{MODELS_EVENTS.name}", 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        yield consumer, partition


async def _count(kafka: KafkaSettings) -> int:
    async with _reading(kafka) as (consumer, partition):
        ends = await consumer.end_offsets([partition])
    count: int = ends[partition]
    return count


async def _read(kafka: KafkaSettings, count: int) -> list[ModelPromoted]:
    events: list[ModelPromoted] = []
    async with _reading(kafka) as (consumer, _), asyncio.timeout(30):
        while len(events) < count:
            record = await consumer.getone()
            event = ModelPromoted.model_validate_json(record.value or b"")
            assert record.key == event.name.encode()
            events.append(event)
    return events


async def test_a_promotion_reaches_the_compacted_topic(
    settings: Settings, kafka_settings: KafkaSettings, add_model: AddModel
) -> None:
    real = settings.model_copy(update={"kafka": kafka_settings})
    async with build(real) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            await add_model(http, "v1")
            promoted = (await http.post("/v1/models/v1/promote")).json()
            events = await _read(kafka_settings, 1)
    assert events == [
        ModelPromoted(
            name=promoted["name"],
            version="v1",
            bundle_sha256=promoted["bundle_sha256"],
            promoted_at_ms=promoted["promoted_at_ms"],
        )
    ]


class Process:
    """`python -m registry`, to be killed."""

    def __init__(self, settings: Settings, kafka: KafkaSettings, *, bootstrap: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        environment = os.environ | {
            "PNEUMO_REGISTRY_PORT": str(self.port),
            "PNEUMO_REGISTRY_DATA_DIR": str(settings.data_dir),
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        }
        self._process = subprocess.Popen([sys.executable, "-m", "registry"], env=environment)

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as http:
            async with asyncio.timeout(60):
                while not await _is_ready(http):
                    assert self._process.poll() is None, "the registry ended"
                    await asyncio.sleep(0.05)
            yield http

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)


async def _is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health/ready")).is_success
    except httpx.TransportError:
        return False


async def test_killed_between_commit_and_publish_the_event_appears_after_the_restart(
    settings: Settings, kafka_settings: KafkaSettings, add_model: AddModel
) -> None:
    first = Process(settings, kafka_settings, bootstrap=NOWHERE)
    try:
        async with first.http() as http:
            for version in ("v1", "v2"):
                await add_model(http, version)
                promoted = await http.post(f"/v1/models/{version}/promote")
                assert promoted.status_code == 200
    finally:
        first.kill()
    assert await _count(kafka_settings) == 0

    bootstrap = kafka_settings.bootstrap_servers
    second = Process(settings, kafka_settings, bootstrap=bootstrap)
    try:
        async with second.http() as http:
            events = await _read(kafka_settings, 2)
            assert (await http.get("/v1/models/current")).json()["version"] == "v2"
    finally:
        assert second.stop() == 0
    assert [event.version for event in events] == ["v1", "v2"]
    assert await _count(kafka_settings) == 2


_DIES_BEFORE_MARKING = """
import asyncio, os, signal, sys
from pathlib import Path

from registry.adapters.store.transaction import SqlTransaction
from registry.main import build
from registry.settings import Settings

SqlTransaction.mark_sent = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with build(Settings(data_dir=Path(sys.argv[1]))):
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_killed_between_confirmation_and_mark_the_event_comes_twice_and_never_more(
    registry: Registry,
    settings: Settings,
    kafka_settings: KafkaSettings,
    add_model: AddModel,
    broker: Any,
) -> None:
    broker.is_reachable = False
    async with registry() as http:
        await add_model(http, "v1")
        await http.post("/v1/models/v1/promote")
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
    }
    command = [sys.executable, "-c", _DIES_BEFORE_MARKING, str(settings.data_dir)]
    killed = await asyncio.to_thread(subprocess.run, command, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert await _count(kafka_settings) == 1

    async with build(settings.model_copy(update={"kafka": kafka_settings})):
        first, second = await _read(kafka_settings, 2)
        await asyncio.sleep(0.2)
    assert first == second
    assert await _count(kafka_settings) == 2


@pytest.mark.parametrize("absence", ["stopped", "frozen"])
async def test_events_of_an_outage_arrive_in_order_when_the_broker_is_back(
    settings: Settings, restartable_broker: RestartableBroker, add_model: AddModel, absence: str
) -> None:
    kafka = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(kafka, [MODELS_EVENTS])
    leave, come_back = {
        "stopped": (restartable_broker.stop, restartable_broker.start),
        "frozen": (restartable_broker.pause, restartable_broker.resume),
    }[absence]
    real = settings.model_copy(update={"kafka": kafka, "publish_timeout_s": 1.0})
    async with build(real) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            await add_model(http, "v1")
            await http.post("/v1/models/v1/promote")
            await _read(kafka, 1)
            await asyncio.to_thread(leave)
            for version in ("v2", "v3"):
                await add_model(http, version)
                async with asyncio.timeout(5):  # HTTP never waits for the broker
                    assert (await http.post(f"/v1/models/{version}/promote")).is_success
            assert (await http.get("/health/ready")).is_success
            await _failed_attempts(http, 2)
            await asyncio.to_thread(come_back)
            events = await _read(kafka, 3)
            while (await _metric(http, "pneumo_registry_outbox_unsent")) > 0:
                await asyncio.sleep(0.05)
    versions = [event.version for event in events]
    assert versions[0] == "v1"
    assert versions == sorted(versions)  # an event may come twice, none comes before an older one


async def _failed_attempts(http: httpx.AsyncClient, count: int) -> None:
    async with asyncio.timeout(30):
        while await _metric(http, "pneumo_registry_publish_failures_total") < count:
            await asyncio.sleep(0.05)


async def _metric(http: httpx.AsyncClient, name: str) -> float:
    lines = (await http.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
