"""The trainer on a real broker: commands in, one terminal event each, offsets committed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.topics import TRAIN_COMMANDS, TRAIN_EVENTS
from shared.contracts.train import TrainEvent, TrainModel
from shared.kafka.clients import new_consumer, new_producer
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings
from trainer.core.jobs import RETRAINING_MISSING
from trainer.main.serving import Trainer, build
from trainer.settings import Settings
from trainer.subscribers.commands import GROUP

pytestmark = pytest.mark.kafka
TIMEOUT_S = 20


@asynccontextmanager
async def running(kafka: KafkaSettings, **parts: object) -> AsyncIterator[Trainer]:
    settings = Settings(kafka=kafka, broker_check_s=0.2)
    async with build(settings, **parts) as trainer:  # type: ignore[arg-type]
        await until(lambda: all(trainer.readiness().values()))
        yield trainer


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not holds():
            await asyncio.sleep(0.02)


def topic(kafka: KafkaSettings, name: str) -> str:
    return f"{kafka.topic_prefix}{name}"


async def send(kafka: KafkaSettings, *records: tuple[bytes, list[tuple[str, bytes]]]) -> None:
    producer = new_producer(kafka, client_id="test")
    await producer.start()
    try:
        for body, headers in records:
            name = topic(kafka, TRAIN_COMMANDS.name)
            await producer.send_and_wait(name, body, key=b"job", headers=headers)
    finally:
        await producer.stop()


async def events(kafka: KafkaSettings, count: int) -> list[TrainEvent]:
    consumer = new_consumer(kafka, client_id="test")
    await consumer.start()
    try:
        partition = TopicPartition(topic(kafka, TRAIN_EVENTS.name), 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        async with asyncio.timeout(TIMEOUT_S):
            return [
                TrainEvent.model_validate_json((await consumer.getone()).value)
                for _ in range(count)
            ]
    finally:
        await consumer.stop()


async def committed(kafka: KafkaSettings) -> int | None:
    consumer: AIOKafkaConsumer = new_consumer(kafka, client_id="test", group_id=GROUP)
    await consumer.start()
    try:
        offset: int | None = await consumer.committed(
            TopicPartition(topic(kafka, TRAIN_COMMANDS.name), 0)
        )
        return offset
    finally:
        await consumer.stop()


def command(job: str) -> bytes:
    return TrainModel(id=job, requested_at_ms=1).to_bytes()


async def test_every_command_is_answered_once_and_committed(kafka_settings: KafkaSettings) -> None:
    async with running(kafka_settings):
        await send(kafka_settings, (command("one"), []), (command("two"), []))
        answers = await events(kafka_settings, 2)
    assert [(a.id, a.state, a.error) for a in answers] == [
        ("one", "failed", RETRAINING_MISSING),
        ("two", "failed", RETRAINING_MISSING),
    ]
    assert await committed(kafka_settings) == 2


async def test_a_command_sent_before_the_start_is_not_lost(kafka_settings: KafkaSettings) -> None:
    await send(kafka_settings, (command("early"), []))
    async with running(kafka_settings):
        (answered,) = await events(kafka_settings, 1)
    assert answered.id == "early"


async def test_what_cannot_be_read_is_passed_by_and_committed(
    kafka_settings: KafkaSettings,
) -> None:
    async with running(kafka_settings):
        await send(
            kafka_settings,
            (b"\xff no json", []),
            (b'{"id": "x"}', [("content-type", b"application/json")]),
            (command("odd header"), [("note", b"\xff\xfe")]),
            (b"", []),
        )
        (answered,) = await events(kafka_settings, 1)
        assert answered.id == "odd header"
        await send(kafka_settings, (command("after"), []))
        assert [a.id for a in await events(kafka_settings, 2)] == ["odd header", "after"]
    assert await committed(kafka_settings) == 5


class Fails:
    """Refuses some times, then takes."""

    def __init__(self, failures: list[Exception]) -> None:
        self.failures = failures
        self.told: list[TrainEvent] = []

    async def publish(self, event: TrainEvent) -> None:
        if self.failures:
            raise self.failures.pop()
        self.told.append(event)


async def test_an_unconfirmed_answer_is_tried_again(kafka_settings: KafkaSettings) -> None:
    outlet = Fails([BrokerUnavailableError("away"), BrokerUnavailableError("away")])
    async with running(kafka_settings, events=outlet):
        await send(kafka_settings, (command("stubborn"), []))
        await until(lambda: bool(outlet.told))
    assert [event.id for event in outlet.told] == ["stubborn"]
    assert await committed(kafka_settings) == 1


async def test_a_bug_costs_its_own_command_alone(kafka_settings: KafkaSettings) -> None:
    outlet = Fails([ZeroDivisionError("a bug")])
    async with running(kafka_settings, events=outlet):
        await send(kafka_settings, (command("unlucky"), []), (command("next"), []))
        await until(lambda: bool(outlet.told))
    assert [event.id for event in outlet.told] == ["next"]
    assert await committed(kafka_settings) == 2


async def test_it_is_ready_once_it_has_its_partition(kafka_settings: KafkaSettings) -> None:
    async with running(kafka_settings) as trainer:
        transport = httpx.ASGITransport(trainer.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://trainer") as client:
            ready = await client.get("/health/ready")
            live = await client.get("/health/live")
    assert ready.json() == {"status": "ready", "checks": {"broker": True, "partitions": True}}
    assert live.status_code == 200
