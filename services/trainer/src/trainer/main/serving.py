"""The root of the service. It loads no TensorFlow: the idle trainer is small."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from faststream.kafka import KafkaBroker
from prometheus_client import CollectorRegistry

from shared.clock import Clock, SystemClock
from shared.contracts.groups import TRAINERS_GROUP, prefixed_group
from shared.contracts.topics import TRAIN_COMMANDS, TRAIN_EVENTS
from shared.control_client import new_control_client
from shared.http.browser_policy import new_browser_policy
from shared.kafka.brokers import new_broker
from shared.kafka.clients import new_producer, started, stop_client
from shared.kafka.publisher import KafkaPublisher
from shared.observability.health import Readiness
from shared.observability.process import make_folder
from shared.observability.serving import serve
from shared.registry_client import new_registry_client
from trainer.adapters.broker_watch import BrokerWatch
from trainer.adapters.events_kafka import KafkaJobEvents
from trainer.adapters.job_folders import JobFolders
from trainer.adapters.job_metrics import PrometheusJobMetrics
from trainer.adapters.job_process import JobProcesses
from trainer.adapters.supplies import RegistrySupplies
from trainer.http.app import new_app
from trainer.main.full_packages import find_missing_packages
from trainer.ports import JobEvents, Processes
from trainer.service.jobs import CommandService
from trainer.service.running import JobRunner
from trainer.service.supplying import Terms
from trainer.settings import Settings
from trainer.subscribers.commands import Commands

_SYSTEM_CLOCK = SystemClock()
_log = structlog.get_logger(__name__)
_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Trainer:
    """A trainer whose parts are made; `run` connects them and sets them to work."""

    app: FastAPI
    readiness: Readiness
    runner: JobRunner
    producer: AIOKafkaProducer
    broker: KafkaBroker
    watch: BrokerWatch

    async def run(self) -> None:
        """Connect to Kafka, however long it is away, then work until cancelled."""
        async with started(self.producer, patient=True):
            watching = asyncio.create_task(self.watch.run())
            try:
                await self._subscribe()
                await self.runner.run()
            finally:
                watching.cancel()
                await self.broker.stop()

    async def _subscribe(self) -> None:
        while True:
            try:
                return await self.broker.start()
            except KafkaError as error:
                _log.warning("not subscribed yet", error=type(error).__name__, again_in_s=_AGAIN_S)
            await self.broker.stop()
            await asyncio.sleep(_AGAIN_S)


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    clock: Clock = _SYSTEM_CLOCK,
    events: JobEvents | None = None,
    processes: Processes | None = None,
) -> AsyncIterator[Trainer]:
    """Make a trainer; leaving closes in reverse order."""
    prefix = settings.kafka.topic_prefix
    metrics = CollectorRegistry()
    # What the training process is told are whole paths.
    cache = settings.cache_dir.absolute()
    make_folder(cache)
    async with AsyncExitStack() as stack:
        producer = new_producer(settings.kafka, client_id=settings.id)
        stack.push_async_callback(stop_client, producer)  # of one that never ran
        publisher = KafkaPublisher(producer, timeout_s=settings.publish_timeout_s)
        registry = await stack.enter_async_context(new_registry_client(settings.registry_url))
        control = await stack.enter_async_context(new_control_client(settings.registry_url))
        runner = JobRunner(
            control,
            RegistrySupplies(registry, control, cache),
            JobFolders(cache / "jobs"),
            processes or JobProcesses(settings.threads, os.environ),
            events or KafkaJobEvents(publisher, TRAIN_EVENTS.prefixed(prefix).name),
            clock,
            _terms(settings, cache),
            PrometheusJobMetrics(metrics),
        )
        broker = new_broker(settings.kafka, client_id=settings.id)
        topic = TRAIN_COMMANDS.prefixed(prefix).name
        group = prefixed_group(TRAINERS_GROUP, prefix)
        commands = Commands(broker, topic, CommandService(runner.wake), group=group)
        watch = BrokerWatch(broker, interval_s=settings.broker_check_s)

        def readiness() -> dict[str, bool]:
            """Ready when the group gave this process its partition."""
            return {"partitions": commands.is_assigned}

        def dependencies() -> dict[str, bool]:
            """Tell whether the broker answers."""
            return {"broker": watch.is_connected}

        browsers = new_browser_policy(settings.http.allowed_hosts)
        app = new_app(readiness, metrics, dependencies, browsers)
        yield Trainer(app, readiness, runner, producer, broker, watch)


def _terms(settings: Settings, cache: Path) -> Terms:
    is_full = settings.data is not None and settings.weights is not None
    missing = find_missing_packages() if is_full else None
    if missing is not None:
        _log.warning("full training is not offered", reason=missing)
    return Terms(
        holder=settings.id,
        ttl_s=settings.lease_s,
        poll_s=settings.poll_s,
        cache=cache,
        code_version=version("pneumostream-trainer"),
        data=None if missing else settings.data and settings.data.absolute(),
        weights=None if missing else settings.weights and settings.weights.absolute(),
    )


async def serve_trainer(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; a job under way is left to be taken again."""
    async with build(settings) as trainer, asyncio.TaskGroup() as tasks:
        working = tasks.create_task(trainer.run())
        _log.info("trainer serves", host=settings.host, port=settings.port)
        await serve(trainer.app, host=settings.host, port=settings.port, stop=stop)
        working.cancel()
