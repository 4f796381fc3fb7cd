"""The trainer on a real broker: a command wakes it, and is committed whatever its job becomes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.topics import TRAIN_COMMANDS
from shared.contracts.train import TrainModel
from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.settings import KafkaSettings
from trainer.main.serving import Trainer, build
from trainer.settings import Settings

pytestmark = pytest.mark.kafka
TIMEOUT_S = 20


@pytest.fixture
def running(
    kafka_settings: KafkaSettings, serve_registry: Callable[..., Any], tmp_path: Path
) -> Callable[[], Any]:
    """Give a function that runs a trainer that would look for work by itself in an hour."""

    @asynccontextmanager
    async def run() -> AsyncIterator[tuple[Trainer, Any]]:
        registry = serve_registry()
        settings = Settings(
            kafka=kafka_settings,
            broker_check_s=0.2,
            registry_url=registry.url,
            poll_s=3600,
            cache_dir=tmp_path / "cache",
        )
        async with build(settings) as trainer:
            working = asyncio.create_task(trainer.run())
            await until(lambda: all(trainer.readiness().values()))
            await until(lambda: registry.asked == 1)
            yield trainer, registry
            working.cancel()

    return run


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not holds():
            await asyncio.sleep(0.02)


async def send(kafka: KafkaSettings, *records: tuple[bytes, list[tuple[str, bytes]]]) -> None:
    producer = new_producer(kafka, client_id="test")
    await producer.start()
    try:
        for body, headers in records:
            name = f"{kafka.topic_prefix}{TRAIN_COMMANDS.name}"
            await producer.send_and_wait(name, body, key=b"job", headers=headers)
    finally:
        await producer.stop()


async def committed(kafka: KafkaSettings) -> int | None:
    group = f"{kafka.topic_prefix}trainer"
    consumer: AIOKafkaConsumer = new_consumer(kafka, client_id="test", group_id=group)
    async with started(consumer):
        offset: int | None = await consumer.committed(
            TopicPartition(f"{kafka.topic_prefix}{TRAIN_COMMANDS.name}", 0)
        )
        return offset


def command(job: str) -> bytes:
    return TrainModel(id=job, requested_at_ms=1).to_bytes()


async def test_a_command_makes_the_trainer_look_for_work_at_once(
    kafka_settings: KafkaSettings, running: Callable[[], Any]
) -> None:
    async with running() as (_, registry):
        await send(kafka_settings, (command("one"), []))
        await until(lambda: registry.asked == 2)
    assert await committed(kafka_settings) == 1


async def test_what_cannot_be_read_is_passed_by_and_committed(
    kafka_settings: KafkaSettings, running: Callable[[], Any]
) -> None:
    async with running() as (_, registry):
        await send(
            kafka_settings,
            (b"\xff no json", []),
            (b'{"id": "x"}', [("content-type", b"application/json")]),
            (b"", []),
            (command("odd header"), [("note", b"\xff\xfe")]),
        )
        await until(lambda: registry.asked == 2)
    assert await committed(kafka_settings) == 4


async def _seen_broker(client: httpx.AsyncClient) -> httpx.Response:
    while True:
        ready = await client.get("/health/ready")
        if ready.json()["dependencies"]["broker"]:
            return ready
        await asyncio.sleep(0.05)


async def test_it_is_ready_once_it_has_its_partition(running: Callable[[], Any]) -> None:
    async with running() as (trainer, _):
        transport = httpx.ASGITransport(trainer.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            async with asyncio.timeout(30):
                ready = await _seen_broker(client)
            live = await client.get("/health/live")
    assert ready.json() == {
        "status": "ready",
        "checks": {"partitions": True},
        "dependencies": {"broker": True},
    }
    assert live.status_code == 200
