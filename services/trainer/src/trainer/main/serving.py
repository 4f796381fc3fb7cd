"""The root of the service. It loads no TensorFlow: the idle trainer is small."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from shared.clock import Clock, SystemClock
from shared.contracts.topics import TRAIN_COMMANDS, TRAIN_EVENTS
from shared.kafka.clients import new_broker, new_producer
from shared.kafka.publisher import KafkaPublisher
from shared.observability.health import Readiness
from shared.observability.serving import serve
from trainer.adapters.broker_watch import BrokerWatch
from trainer.adapters.events_kafka import KafkaJobEvents
from trainer.http.app import new_app
from trainer.ports import JobEvents
from trainer.service.jobs import JobService
from trainer.settings import Settings
from trainer.subscribers.commands import Commands

_CLIENT_ID = "trainer"
_SYSTEM_CLOCK = SystemClock()
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Trainer:
    """A trainer at work: commands are being consumed."""

    app: FastAPI
    readiness: Readiness


@asynccontextmanager
async def build(
    settings: Settings, *, clock: Clock = _SYSTEM_CLOCK, events: JobEvents | None = None
) -> AsyncIterator[Trainer]:
    """Connect and consume; leaving finishes the command in hand, then closes in reverse order.

    Raises aiokafka.errors.KafkaError if the broker cannot be reached.
    """
    prefix = settings.kafka.topic_prefix
    producer = new_producer(settings.kafka, client_id=_CLIENT_ID)
    publisher = KafkaPublisher(producer, timeout_s=settings.publish_timeout_s)
    events = events or KafkaJobEvents(publisher, TRAIN_EVENTS.prefixed(prefix).name)
    broker = new_broker(settings.kafka, client_id=_CLIENT_ID)
    service = JobService(events, clock)
    commands = Commands(broker, TRAIN_COMMANDS.prefixed(prefix).name, service)
    watch = BrokerWatch(broker, interval_s=settings.broker_check_s)

    def readiness() -> dict[str, bool]:
        """Ready when the broker answers and the group gave this process its partition."""
        return {"broker": watch.is_connected, "partitions": commands.is_assigned}

    try:
        await producer.start()
        async with broker:
            await broker.start()
            watching = asyncio.create_task(watch.run())
            try:
                yield Trainer(new_app(readiness, CollectorRegistry()), readiness)
            finally:
                watching.cancel()
    finally:
        await producer.stop()


async def serve_trainer(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises aiokafka.errors.KafkaError if it cannot start."""
    async with build(settings) as trainer:
        _log.info("trainer serves", host=settings.host, port=settings.port)
        await serve(trainer.app, host=settings.host, port=settings.port, stop=stop)
