"""A registry at work: its services, what they keep, and what runs in the background."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from registry.adapters.census import Census
from registry.adapters.disk_space import DiskSpace
from registry.adapters.exclusive_folder import hold_folder, holder_of
from registry.adapters.kafka_publisher import new_open_publisher
from registry.adapters.kafka_uploads import new_open_uploads
from registry.adapters.leader import Leader, Leadership
from registry.adapters.measuring_process import MeasuringProcess
from registry.adapters.outbox_relay import OutboxRelay
from registry.adapters.readiness import ReadinessProbe
from registry.adapters.seed_bundle import open_seed_bundle
from registry.adapters.store.migrate import upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.adapters.upload_ends import KafkaUploadEnds
from registry.core.leadership import LEADERSHIP, is_held
from registry.core.refusals import Refuse
from registry.http.app import Services, new_app
from registry.main.storage import open_files, opened_engine
from registry.ports import (
    Artifacts,
    ArtifactsUnavailableError,
    ImageFiles,
    OpenPublisher,
    OpenUploads,
    StartError,
    StoreUnavailableError,
    UploadEnds,
)
from registry.service.dataset import DatasetService
from registry.service.dataset_insights import DatasetInsightService
from registry.service.jobs import JobLimits, JobService
from registry.service.model_insights import ModelInsightService
from registry.service.models import ModelService
from registry.service.retention import RetentionService
from registry.settings import Settings
from registry.subscribers.occasions import RetrainOccasions
from registry.subscribers.retention import RetentionSweep
from registry.subscribers.uploads import UploadsSubscriber
from shared.clock import Clock, SystemClock, new_id
from shared.http.browser_policy import new_browser_policy
from shared.observability.serving import serve

_log = structlog.get_logger(__name__)
_SYSTEM_CLOCK = SystemClock()


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    clock: Clock = _SYSTEM_CLOCK,
    open_publisher: OpenPublisher | None = None,
    open_uploads: OpenUploads | None = None,
    upload_ends: UploadEnds | None = None,
    ids: Callable[[], str] = new_id,
) -> AsyncIterator[FastAPI]:
    """Give the app with its background tasks at work: schema migrated, seed imported.

    Raises StartError.
    """
    metrics = CollectorRegistry()
    timeout_s = settings.publish_timeout_s
    with hold_folder(settings.data_dir), opened_engine(settings.store_url) as engine:
        await asyncio.to_thread(upgrade, engine)
        store = SqlStore(engine)
        if settings.files_url is None:
            await _refuse_to_share(store, settings, clock.now_ms())
        artifacts, images = open_files(settings)
        leadership = Leadership(clock)
        relay = OutboxRelay(
            store,
            open_publisher or new_open_publisher(settings.kafka, timeout_s=timeout_s),
            clock,
            topic_prefix=settings.kafka.topic_prefix,
            metrics=metrics,
            may_send=leadership.is_held,
        )
        ends = upload_ends or KafkaUploadEnds(settings.kafka)
        services = _new_services(
            settings, store, (artifacts, images), clock, relay.wake, ends, metrics
        )
        await _seed(services.models, settings.seed_bundle)
        probe = ReadinessProbe(store, artifacts)
        await probe.look()
        app = new_app(
            services,
            readiness=probe.checks,
            dependencies=probe.dependencies,
            metrics=metrics,
            max_artifact_bytes=settings.max_artifact_bytes,
            new_id=ids,
            browsers=new_browser_policy(settings.http.allowed_hosts),
        )
        open_feed = open_uploads or new_open_uploads(settings.kafka, timeout_s=timeout_s)
        duties = (
            lambda: _announce(services.models, relay),
            lambda: _finish_deletions(services.dataset),
            UploadsSubscriber(open_feed, services.dataset, metrics=metrics).run,
            RetentionSweep(services.retention).run,
            RetrainOccasions(services.jobs, settings.retrain_rules).run,
        )
        holder = holder_of(settings.data_dir)
        async with _at_work(
            probe.run(),
            Leader(store, clock, holder, duties, metrics=metrics, leadership=leadership).run(),
            Census(store, metrics=metrics).run(),
            DiskSpace(settings.data_dir, metrics=metrics).run(),
        ):
            yield app


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises StartError."""
    async with build(settings) as app:
        _log.info("registry serves", host=settings.host, port=settings.port)
        await serve(app, host=settings.host, port=settings.port, stop=stop)


@asynccontextmanager
async def _at_work(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in background:
                task.cancel()


def _new_services(
    settings: Settings,
    store: SqlStore,
    files: tuple[Artifacts, ImageFiles],
    clock: Clock,
    wake: Callable[[], None],
    upload_ends: UploadEnds,
    metrics: CollectorRegistry,
) -> Services:
    artifacts, images = files
    models = ModelService(store, artifacts, clock, wake)
    dataset = DatasetService(
        store, images, clock, max_bytes=settings.max_dataset_bytes, upload_ends=upload_ends
    )
    return Services(
        models,
        JobService(
            store,
            clock,
            wake,
            JobLimits(settings.min_new_images, settings.max_open_jobs),
        ),
        dataset,
        DatasetInsightService(dataset, images, MeasuringProcess(seconds=settings.measuring_s)),
        ModelInsightService(models, artifacts),
        RetentionService(
            store,
            artifacts,
            clock,
            keep=settings.keep_models,
            deleted=Counter(
                "pneumo_registry_models_deleted_total",
                "Model versions deleted, by request or because newer ones replaced them.",
                registry=metrics,
            ).inc,
        ),
    )


async def _refuse_to_share(store: SqlStore, settings: Settings, now_ms: int) -> None:
    """Raise StartError if another registry serves this database: it would miss what lies here."""
    lease = await store.read(lambda tx: tx.lease(LEADERSHIP))
    ours = holder_of(settings.data_dir)
    if lease is not None and lease.holder != ours and is_held(lease, now_ms):
        raise StartError(
            f"Another registry ({lease.holder}) serves this database, and files would lie in"
            f" {settings.data_dir} alone: put them into S3 (PNEUMO_REGISTRY_FILES_URL), or stop it;"
            " of one that was killed this is said for 12 seconds."
        )


async def _announce(models: ModelService, relay: OutboxRelay) -> None:
    try:
        await models.announce_current()  # before what waits is sent: it may be the same event
    except StoreUnavailableError as error:
        _log.warning("the current model is not announced again", error=str(error))
    await relay.run()


async def _finish_deletions(dataset: DatasetService) -> None:
    try:
        await dataset.finish_deletions()
    except (StoreUnavailableError, ArtifactsUnavailableError) as error:
        _log.warning("deleted images are still stored", error=str(error))


async def _seed(service: ModelService, folder: Path | None) -> None:
    if folder is None or not isinstance(await service.current(), Refuse):
        return
    bundle = await asyncio.to_thread(open_seed_bundle, folder)
    try:
        outcome = await service.seed(bundle)
    except ArtifactsUnavailableError as error:
        raise StartError(f"The seed bundle cannot be stored: {error}") from error
    if isinstance(outcome, Refuse):
        raise StartError(f"The seed bundle {folder} cannot be used: {outcome.detail}")
    _log.info("seed bundle imported", version=outcome.version, bundle=outcome.bundle_sha256)
