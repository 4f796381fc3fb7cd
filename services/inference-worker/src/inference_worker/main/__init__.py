"""The composition root: the only place where the worker's parts meet."""

import asyncio
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from inference_worker.adapters.bundles import CachedBundles
from inference_worker.adapters.compute import ComputeThread, watched_compute
from inference_worker.adapters.cpus import available_cpus
from inference_worker.adapters.engine_noop import NoOpLoader, leave_encoded
from inference_worker.adapters.faults import Faults
from inference_worker.adapters.input_drift import InputDrift
from inference_worker.adapters.metrics import WorkerMetrics
from inference_worker.adapters.model_health import ModelHealth
from inference_worker.adapters.priority import step_back
from inference_worker.adapters.status import StatusReporter
from inference_worker.core.decoding import decode as decode_image
from inference_worker.main.consuming import Consuming
from inference_worker.main.worker import Worker
from inference_worker.ports import BundleSource, EngineLoader
from inference_worker.service import Decode, InferenceService
from inference_worker.settings import Settings
from inference_worker.subscribers.models import ModelFollower
from shared.clock import Clock, SystemClock
from shared.contracts.models import ModelRecord, RefusalCode
from shared.contracts.topics import (
    MAX_DEAD_LETTER_BYTES,
    MODELS_EVENTS,
    WORKERS_STATUS,
    TopicSpec,
)
from shared.http.browser_guard import BrowserGuard
from shared.http.browser_policy import new_browser_policy
from shared.kafka.clients import new_consumer, new_producer, stop_client
from shared.kafka.publisher import KafkaPublisher
from shared.kafka.topic_reader import StartAt, TopicReader
from shared.observability.logs import configure_logs
from shared.observability.process import read_settings, run_service
from shared.observability.serving import serve
from shared.observability.tracing import open_tracing
from shared.observability.watchdog import end_process, watched_loop
from shared.registry_client import new_registry_client

__all__ = ["Worker", "build", "run", "serve_worker"]

_SWITCH_INTERVAL_S = 1e-4


@dataclass(frozen=True, slots=True)
class _Observer:
    """Tells a swap to everyone who keeps a record of it."""

    status: StatusReporter
    metrics: WorkerMetrics
    health: ModelHealth
    drift: InputDrift

    def model_swapped(self, record: ModelRecord, took_s: float) -> None:
        self.metrics.model_swapped(record.version, took_s)
        self.health.model_swapped(record.version, record.manifest.classes)
        self.drift.model_swapped(record.version, record.manifest.reference)
        self.status.model_swapped(record)

    def model_refused(self, version: str, code: RefusalCode) -> None:
        self.metrics.model_refused(code)
        self.status.model_refused(version, code)

    def refusal_ended(self) -> None:
        self.metrics.refusal_ended()
        self.status.refusal_ended()

    def model_not_remembered(self) -> None:
        self.metrics.model_not_remembered()


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    loader: EngineLoader | None = None,
    bundles: BundleSource | None = None,
) -> AsyncIterator[Worker]:
    """Make a worker; leaves by closing everything in reverse order."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(
            open_tracing(settings.tracing, service="inference-worker", instance=settings.id)
        )
        compute, large_decoding = await _open_compute(settings, stack)
        loading = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="load"))
        registry = await stack.enter_async_context(new_registry_client(settings.registry_url))
        producer = new_producer(
            settings.kafka, client_id=settings.id, max_record_bytes=MAX_DEAD_LETTER_BYTES
        )
        stack.push_async_callback(stop_client, producer)  # of one that never ran
        publisher = KafkaPublisher(producer, timeout_s=settings.publish_timeout_s)
        metrics_registry = CollectorRegistry()
        metrics, health = WorkerMetrics(metrics_registry), ModelHealth(metrics_registry)
        drift = InputDrift(metrics_registry, clock)
        status = _new_status(settings, publisher, clock)
        decode, loader = _new_decoding(settings, loader or _new_loader(settings))
        service = InferenceService(
            compute, large_decoding, clock, decode=decode, on_seen=drift.images_seen
        )
        models = ModelFollower(
            settings.model_name,
            bundles or CachedBundles(registry, settings.cache_dir),
            loader,
            service,
            loading,
            _Observer(status, metrics, health, drift),
            reconcile_every_s=settings.reconcile_every_s,
            retry_refused_s=settings.retry_refused_s,
            step_back=step_back,
        )
        consuming = Consuming(
            settings, service, publisher, metrics, health, status, clock, tracer, stack, compute
        )
        reader = _new_models_reader(settings, models)
        intake = consuming.new_intake()
        yield Worker(
            producer, service, intake, models, reader, status, metrics_registry, compute.stuck
        )


async def _open_compute(
    settings: Settings, stack: AsyncExitStack
) -> tuple[ComputeThread, ComputeThread]:
    """Start the thread that decodes and infers, and the one that decodes large images."""
    bound_s, stuck = settings.attempt_timeout_s, asyncio.Event()
    return (
        await stack.enter_async_context(watched_compute(bound_s, stuck)),
        await stack.enter_async_context(watched_compute(bound_s, stuck, name="decode-large")),
    )


def _new_decoding(settings: Settings, loader: EngineLoader) -> tuple[Decode, EngineLoader]:
    if settings.faults:
        faults = Faults(asyncio.get_running_loop())
        return faults.decode, faults.wrap(loader)
    return leave_encoded if settings.engine == "noop" else decode_image, loader


def _new_loader(settings: Settings) -> EngineLoader:
    if settings.engine == "noop" or (settings.faults and settings.simulated_ms):
        return NoOpLoader(settings.simulated_ms)
    # Its libraries take time and memory that a worker without an engine must not be measured with.
    from inference_worker.adapters.engine_openvino import OpenVinoLoader  # noqa: PLC0415

    return OpenVinoLoader(
        threads=settings.inference_threads,
        threads_alone=settings.inference_threads_alone or min(4, available_cpus()),
        max_batch=settings.max_batch,
    )


def _new_status(settings: Settings, publisher: KafkaPublisher, clock: Clock) -> StatusReporter:
    return StatusReporter(
        settings.id,
        publisher,
        _name(WORKERS_STATUS, settings),
        clock,
        interval_s=settings.status_interval_s,
    )


def _new_models_reader(settings: Settings, models: ModelFollower) -> TopicReader:
    return TopicReader(
        lambda: new_consumer(settings.kafka, client_id=f"{settings.id}-models"),
        _name(MODELS_EVENTS, settings),
        models.on_model_promoted,
        start_at=StartAt.BEGINNING,
    )


def _name(topic: TopicSpec, settings: Settings) -> str:
    return topic.prefixed(settings.kafka.topic_prefix).name


async def serve_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Run a worker and its HTTP side until `stop`.

    Ends the process with EXIT_STATUS, after all else is closed, if one of its threads is stuck:
    Python would wait for it.
    """
    stuck = asyncio.Event()
    loader = _new_loader(settings)  # imports for seconds: before the loop is watched
    try:
        async with (
            watched_loop(settings.loop_stuck_after_s),
            build(settings, loader=loader) as worker,
        ):
            stuck = worker.stuck
            await _serve(worker, settings, stop)
    finally:
        if stuck.is_set():
            end_process("a thread of it is stuck")


async def _serve(worker: Worker, settings: Settings, stop: asyncio.Event) -> None:
    app = BrowserGuard(worker.new_app(), new_browser_policy(settings.http.allowed_hosts))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(app, host=settings.host, port=settings.port, stop=stop))
        await worker.run(stop)
        stop.set()


def run() -> None:
    """Run as a process, from the environment, until SIGINT or SIGTERM."""
    settings = read_settings(Settings)
    configure_logs(settings.id, level=settings.log_level)
    # The loop fetches the next batch while the compute thread wants to start on this one: it waits
    # for the interpreter's lock up to this long, 5 ms by default.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    run_service(lambda stop: serve_worker(settings, stop))
