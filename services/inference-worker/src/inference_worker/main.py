"""The composition root: the only place where the worker's parts meet."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from inference_worker.adapters.bundles import CachedBundles
from inference_worker.adapters.cpus import available_cpus
from inference_worker.adapters.engine_openvino import OpenVinoLoader
from inference_worker.adapters.faults import Faults
from inference_worker.adapters.letters import KafkaLetters
from inference_worker.adapters.metrics import WorkerMetrics
from inference_worker.adapters.offsets import KafkaOffsets
from inference_worker.adapters.outcomes import KafkaOutcomes
from inference_worker.adapters.priority import step_back
from inference_worker.adapters.status import StatusReporter
from inference_worker.core.handovers import new_mark
from inference_worker.ports import BundleSource, EngineLoader, Outcome
from inference_worker.service import InferenceService
from inference_worker.settings import Settings
from inference_worker.subscribers.answering import Answering
from inference_worker.subscribers.models import ModelFollower
from inference_worker.subscribers.predictions import Pace, PredictionConsumer
from shared.clock import Clock, SystemClock, new_id
from shared.contracts.models import ModelRecord
from shared.contracts.topics import (
    MODELS_EVENTS,
    PREDICT_DLQ,
    PREDICT_REQUESTS,
    PREDICT_RESULTS,
    PREDICT_RETRY,
    WORKERS_STATUS,
    TopicSpec,
)
from shared.kafka.clients import new_consumer, new_producer, started, stop_client
from shared.kafka.publisher import KafkaPublisher
from shared.kafka.topic_reader import StartAt, TopicReader
from shared.observability.health import new_health_router
from shared.observability.logs import configure_logs
from shared.observability.process import run_service
from shared.observability.serving import serve
from shared.observability.watchdog import watched_loop
from shared.registry_client import new_registry_client

_GROUP = "inference-worker"
_RETRY_GROUP = "inference-worker-retry"
_MAX_WAITING = 64
"""Retries that a worker holds at once, each until it is due."""
_READY_POLL_S = 0.1
_FETCH_MAX_WAIT_MS = 50
"""A partition whose records wait here for 100 ms is left out of aiokafka's next fetch, and what
comes to it then waits for that fetch to end: half a second with the default."""
_SWITCH_INTERVAL_S = 1e-4


@dataclass(frozen=True, slots=True)
class _Observer:
    """Tells a swap to everyone who keeps a record of it."""

    status: StatusReporter
    metrics: WorkerMetrics

    def model_swapped(self, record: ModelRecord) -> None:
        self.metrics.model_swapped(record.version)
        self.status.model_swapped(record)

    def model_refused(self, version: str, reason: str) -> None:
        self.metrics.model_refused()
        self.status.model_refused(version, reason)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker whose parts are made and connected; `run` sets it to work."""

    service: InferenceService
    predictions: PredictionConsumer
    retries: PredictionConsumer
    models: ModelFollower
    models_reader: TopicReader
    status: StatusReporter
    metrics_registry: CollectorRegistry

    def readiness(self) -> dict[str, bool]:
        """Ready when a model is loaded and warmed and partitions are assigned."""
        return {
            "model": self.service.engine is not None,
            "partitions": self.predictions.assigned > 0,
        }

    def new_app(self) -> FastAPI:
        """The HTTP side: health and metrics."""
        app = FastAPI(title="PneumoStream inference worker", docs_url=None, redoc_url=None)
        app.include_router(new_health_router(self.readiness, self.metrics_registry))
        return app

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Nothing is consumed before a model is loaded."""
        async with asyncio.TaskGroup() as tasks:
            aside = [
                tasks.create_task(self.models_reader.run()),
                tasks.create_task(self.status.run()),
                tasks.create_task(self._watch_readiness()),
            ]
            loading = tasks.create_task(self.models.load_first())
            stopping = tasks.create_task(stop.wait())
            await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            aside.append(tasks.create_task(self.models.follow()))
            if not stop.is_set():
                async with asyncio.TaskGroup() as consuming:
                    consuming.create_task(self.predictions.run(stop))
                    consuming.create_task(self.retries.run(stop))
            for task in (*aside, loading, stopping):
                task.cancel()
        await self.status.leave()

    async def _watch_readiness(self) -> None:
        while True:
            self.status.update(
                ready=all(self.readiness().values()), partitions=self.predictions.assigned
            )
            await asyncio.sleep(_READY_POLL_S)


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    loader: EngineLoader | None = None,
    bundles: BundleSource | None = None,
) -> AsyncIterator[Worker]:
    """Connect to Kafka and make a worker; leaves by closing everything in reverse order."""
    clock = clock or SystemClock()
    settings.cache_dir.mkdir(parents=True, exist_ok=True)

    def named(topic: TopicSpec) -> str:
        return topic.prefixed(settings.kafka.topic_prefix).name

    async with AsyncExitStack() as stack:
        compute = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="compute"))
        loading = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="load"))
        registry = await stack.enter_async_context(new_registry_client(settings.registry_url))
        producer = await stack.enter_async_context(
            started(new_producer(settings.kafka, client_id=settings.id))
        )
        publisher = KafkaPublisher(producer, timeout_s=settings.publish_timeout_s)
        metrics_registry = CollectorRegistry()
        metrics = WorkerMetrics(metrics_registry)
        bundles = bundles or CachedBundles(registry, settings.cache_dir)
        loader = loader or OpenVinoLoader(
            threads=settings.inference_threads,
            threads_alone=settings.inference_threads_alone or min(4, available_cpus()),
            max_batch=settings.max_batch,
        )
        service = InferenceService(compute, clock)
        if settings.faults:
            faults = Faults(asyncio.get_running_loop(), settings.simulated_ms)
            service = InferenceService(compute, clock, decode=faults.decode)
            loader = faults.wrap(loader)
        status = StatusReporter(
            settings.id,
            publisher,
            named(WORKERS_STATUS),
            clock,
            interval_s=settings.status_interval_s,
        )

        def on_answered(outcomes: Sequence[Outcome]) -> None:
            metrics.batch_answered(outcomes)
            status.count(len(outcomes))

        models = ModelFollower(
            settings.model_name,
            bundles,
            loader,
            service,
            loading,
            _Observer(status, metrics),
            reconcile_every_s=settings.reconcile_every_s,
            step_back=step_back,
        )
        answering = Answering(
            service,
            KafkaOutcomes(publisher, named(PREDICT_RESULTS)),
            KafkaLetters(publisher, retries=named(PREDICT_RETRY), dead_letters=named(PREDICT_DLQ)),
            clock,
            metrics,
            worker_id=settings.id,
            max_attempts=settings.max_attempts,
            on_answered=on_answered,
        )
        mark, alone = new_mark(settings.id, new_id()), asyncio.Lock()

        def consume(
            topic: TopicSpec, group_id: str, pace: Pace, **options: int
        ) -> PredictionConsumer:
            consumer = new_consumer(
                settings.kafka, client_id=settings.id, group_id=group_id, **options
            )
            # Joins the group when it runs, which may never be.
            stack.push_async_callback(stop_client, consumer)
            offsets = KafkaOffsets(settings.kafka, client_id=settings.id, group_id=group_id)
            return PredictionConsumer(
                consumer,
                named(topic),
                answering,
                offsets,
                metrics,
                clock,
                pace,
                mark=mark,
                alone=alone,
            )

        at_once = Pace(
            max_batch=settings.max_batch,
            max_batches_in_flight=settings.max_batches_in_flight,
            waits=False,
            stuck_after_s=settings.stuck_after_s,
        )
        yield Worker(
            service=service,
            predictions=consume(
                PREDICT_REQUESTS, _GROUP, at_once, fetch_max_wait_ms=_FETCH_MAX_WAIT_MS
            ),
            retries=consume(
                PREDICT_RETRY,
                _RETRY_GROUP,
                replace(at_once, max_batch=1, max_batches_in_flight=_MAX_WAITING, waits=True),
            ),
            models=models,
            models_reader=TopicReader(
                lambda: new_consumer(settings.kafka, client_id=f"{settings.id}-models"),
                named(MODELS_EVENTS),
                models.on_model_promoted,
                start_at=StartAt.BEGINNING,
            ),
            status=status,
            metrics_registry=metrics_registry,
        )


async def serve_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Run a worker and its HTTP side until `stop`."""
    async with (
        watched_loop(settings.loop_stuck_after_s),
        build(settings) as worker,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(
            serve(worker.new_app(), host=settings.host, port=settings.port, stop=stop)
        )
        await worker.run(stop)
        stop.set()


def run() -> None:
    """Run as a process, from the environment, until SIGINT or SIGTERM."""
    settings = Settings()
    configure_logs(settings.id, level=settings.log_level)
    # The loop fetches the next batch while the compute thread wants to start on this one: it waits
    # for the interpreter's lock up to this long, 5 ms by default.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    run_service(lambda stop: serve_worker(settings, stop))
