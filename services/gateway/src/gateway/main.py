"""The composition root: the only place where the gateway's parts meet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from gateway.adapters.broker_probe import KafkaProbe
from gateway.adapters.metrics import GatewayMetrics
from gateway.adapters.outcome_log import KafkaOutcomeLog
from gateway.adapters.requests import KafkaRequests
from gateway.core.admission import Limits
from gateway.core.outcome_cache import OutcomeCache
from gateway.http.app import new_app
from gateway.http.limits import HttpLimits
from gateway.http.measuring import MeasuringMiddleware
from gateway.http.predictions import new_outcomes_router, new_predictions_router
from gateway.http.status import new_status_router
from gateway.service import PredictionService
from gateway.settings import Settings
from gateway.subscribers.cluster import ClusterView
from gateway.subscribers.results import on_result
from shared.clock import Clock, SystemClock
from shared.contracts.topics import (
    MODELS_EVENTS,
    PREDICT_REQUESTS,
    PREDICT_RESULTS,
    TRAIN_EVENTS,
    WORKERS_STATUS,
    TopicSpec,
)
from shared.kafka.clients import new_consumer, new_producer, stop_client
from shared.kafka.publisher import KafkaPublisher
from shared.kafka.topic_reader import Record, StartAt, TopicReader
from shared.observability.health import new_health_router
from shared.observability.logs import configure_logs
from shared.observability.process import run_service
from shared.observability.serving import serve


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway whose parts are made and connected."""

    app: ASGIApp
    service: PredictionService
    probe: KafkaProbe
    readers: tuple[TopicReader, ...]

    @property
    def ready(self) -> bool:
        """The broker answers and every topic has been read up to its end."""
        return self.probe.reachable and all(reader.caught_up.is_set() for reader in self.readers)

    async def run(self) -> None:
        """Follow the topics until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.probe.run())
            for reader in self.readers:
                tasks.create_task(reader.run())


def _new_outcome_log(settings: Settings, producer: AIOKafkaProducer) -> KafkaOutcomeLog:
    prefix = settings.kafka.topic_prefix
    return KafkaOutcomeLog(
        lambda: new_consumer(settings.kafka, client_id=f"{settings.id}-lookup"),
        producer,
        results_topic=PREDICT_RESULTS.prefixed(prefix).name,
        requests_topic=PREDICT_REQUESTS.prefixed(prefix).name,
        max_wait_ms=int(settings.max_wait_s * 1000),
    )


@asynccontextmanager
async def build(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Gateway]:
    """Connect to Kafka and make a gateway; leaves by closing everything in reverse order."""
    clock = clock or SystemClock()

    def named(topic: TopicSpec) -> str:
        return topic.prefixed(settings.kafka.topic_prefix).name

    def new_reader(
        topic: TopicSpec, on_record: Callable[[Record], None], start_at: StartAt
    ) -> TopicReader:
        consumer = new_consumer(settings.kafka, client_id=f"{settings.id}-{topic.name}")
        return TopicReader(consumer, named(topic), on_record, start_at=start_at)

    async with AsyncExitStack() as stack:
        producer = new_producer(settings.kafka, client_id=settings.id)
        await producer.start()
        stack.push_async_callback(stop_client, producer)
        lookout = new_consumer(settings.kafka, client_id=f"{settings.id}-probe")
        await lookout.start()
        stack.push_async_callback(stop_client, lookout)
        probe = KafkaProbe(lookout)
        publisher = KafkaPublisher(producer, timeout_s=settings.publish_timeout_s)
        service = PredictionService(
            KafkaRequests(publisher, named(PREDICT_REQUESTS)),
            _new_outcome_log(settings, producer),
            probe,
            clock,
            Limits(settings.max_in_flight, settings.max_in_flight_bytes),
            OutcomeCache(settings.outcome_cache),
        )
        cluster = ClusterView()
        readers = (
            new_reader(PREDICT_RESULTS, on_result(service.settle), StartAt.END),
            new_reader(WORKERS_STATUS, cluster.on_worker_status, StartAt.BEGINNING),
            new_reader(MODELS_EVENTS, cluster.on_model_promoted, StartAt.BEGINNING),
            new_reader(TRAIN_EVENTS, cluster.on_train_event, StartAt.BEGINNING),
        )
        metrics_registry = CollectorRegistry()
        metrics = GatewayMetrics(metrics_registry)
        limits = HttpLimits(settings.default_wait_s, settings.max_wait_s, settings.max_image_bytes)

        def readiness() -> dict[str, bool]:
            return {
                "broker": probe.reachable,
                "topics": all(reader.caught_up.is_set() for reader in readers),
            }

        app = new_app(
            new_predictions_router(service, limits),
            new_outcomes_router(service),
            new_status_router(
                cluster,
                clock,
                model_name=settings.model_name,
                count_predictions=lambda: service.predictions,
                broker_reachable=lambda: probe.reachable,
            ),
            new_health_router(readiness, metrics_registry),
        )
        yield Gateway(
            app=MeasuringMiddleware(app, metrics.observe, clock.monotonic_s),
            service=service,
            probe=probe,
            readers=readers,
        )


async def serve_gateway(settings: Settings, stop: asyncio.Event) -> None:
    """Run a gateway and its HTTP side until `stop`."""
    async with build(settings) as gateway, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(gateway.run())
        await serve(gateway.app, host=settings.host, port=settings.port, stop=stop)
        following.cancel()


def run() -> None:
    """Run as a process, from the environment, until SIGINT or SIGTERM."""
    settings = Settings()
    configure_logs(settings.id, level=settings.log_level)
    run_service(lambda stop: serve_gateway(settings, stop))
