"""The only place where parts meet."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from registry.adapters.artifacts_disk import DiskArtifacts
from registry.adapters.backup_folder import DATABASE, database_copy, new_backup_folder
from registry.adapters.census import Census
from registry.adapters.disk_space import DiskSpace
from registry.adapters.exclusive_folder import hold_folder, hold_still, holder_of
from registry.adapters.images_disk import DiskImages
from registry.adapters.kafka_publisher import new_open_publisher
from registry.adapters.kafka_uploads import new_open_uploads
from registry.adapters.leader import Leader
from registry.adapters.measuring_process import MeasuringProcess
from registry.adapters.outbox_relay import OutboxRelay
from registry.adapters.readiness import ReadinessProbe
from registry.adapters.seed_bundle import open_seed_bundle
from registry.adapters.store.copying import demand_empty, demand_schema, new_copy_rows
from registry.adapters.store.engine import close_engine, new_engine
from registry.adapters.store.migrate import downgrade, upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.core.backup import Holdings
from registry.core.refusals import Refuse
from registry.http.app import Services, new_app
from registry.ports import (
    ArtifactsUnavailableError,
    BackupError,
    End,
    OpenPublisher,
    OpenUploads,
    StartError,
    StoreUnavailableError,
)
from registry.service import backup
from registry.service.dataset import DatasetService
from registry.service.dataset_insights import DatasetInsightService
from registry.service.jobs import JobService
from registry.service.model_insights import ModelInsightService
from registry.service.models import ModelService
from registry.settings import Settings
from registry.subscribers.occasions import RetrainOccasions
from registry.subscribers.uploads import UploadsSubscriber
from shared.clock import Clock, SystemClock, new_id
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
    ids: Callable[[], str] = new_id,
) -> AsyncIterator[FastAPI]:
    """Give the app with its background tasks at work: schema migrated, seed imported.

    Raises StartError.
    """
    metrics = CollectorRegistry()
    timeout_s = settings.publish_timeout_s
    with hold_folder(settings.data_dir), _opened_engine(settings.store_url) as engine:
        await asyncio.to_thread(upgrade, engine)
        store = SqlStore(engine)
        artifacts, images = _open_artifacts(settings), _open_images(settings)
        relay = OutboxRelay(
            store,
            open_publisher or new_open_publisher(settings.kafka, timeout_s=timeout_s),
            clock,
            topic_prefix=settings.kafka.topic_prefix,
            metrics=metrics,
        )
        models = ModelService(store, artifacts, clock, relay.wake)
        dataset = DatasetService(store, images, clock, max_bytes=settings.max_dataset_bytes)
        services = Services(
            models,
            JobService(store, clock, relay.wake, min_new_images=settings.min_new_images),
            dataset,
            DatasetInsightService(dataset, images, MeasuringProcess(seconds=settings.measuring_s)),
            ModelInsightService(models, artifacts),
        )
        await _seed(models, settings.seed_bundle)
        probe = ReadinessProbe(store, artifacts)
        await probe.look()
        app = new_app(
            services,
            readiness=probe.checks,
            metrics=metrics,
            max_artifact_bytes=settings.max_artifact_bytes,
            new_id=ids,
        )
        open_feed = open_uploads or new_open_uploads(settings.kafka, timeout_s=timeout_s)
        duties = (
            lambda: _catch_up(services),
            relay.run,
            UploadsSubscriber(open_feed, dataset, metrics=metrics).run,
            RetrainOccasions(services.jobs, settings.retrain_rules).run,
        )
        async with _at_work(
            probe.run(),
            Leader(store, clock, holder_of(settings.data_dir), duties, metrics=metrics).run(),
            Census(store, metrics=metrics).run(),
            DiskSpace(settings.data_dir, metrics=metrics).run(),
        ):
            yield app


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises StartError."""
    async with build(settings) as app:
        _log.info("registry serves", host=settings.host, port=settings.port)
        await serve(app, host=settings.host, port=settings.port, stop=stop)


def undo_migrations(settings: Settings, revision: str) -> None:
    """Bring the schema down to `revision`, for a return to an older release. Raises StartError."""
    with hold_folder(settings.data_dir), _opened_engine(settings.store_url) as engine:
        downgrade(engine, revision)


def back_up(settings: Settings, to: Path) -> Holdings:
    """Copy all that this registry keeps into a new folder; it may go on working meanwhile.

    Raises BackupError, StartError.
    """
    with _failures_told(), _opened_engine(settings.store_url) as engine:
        demand_schema(engine)
        with new_backup_folder(to) as folder, _opened_copy(folder / DATABASE) as copy:
            target = _in_folder(folder, copy, is_new=True)
            copy_rows = new_copy_rows(engine, copy)
            return asyncio.run(backup.back_up(_kept_by(settings, engine), target, copy_rows))


def restore(settings: Settings, folder: Path, *, clock: Clock = _SYSTEM_CLOCK) -> Holdings:
    """Fill this registry, which is empty and does not run, from a backup, which stays as it is.

    Raises BackupError, StartError.
    """
    with (
        _failures_told(),
        hold_folder(settings.data_dir),
        hold_still(folder),
        database_copy(folder, beside=settings.data_dir) as database,
        _opened_copy(database) as copy,
        _opened_engine(settings.store_url) as engine,
    ):
        demand_empty(engine, clock.now_ms())
        source = _in_folder(folder, copy, is_new=False)
        asyncio.run(backup.verify(source))
        upgrade(engine)
        target = End(SqlStore(engine), _open_artifacts(settings), _open_images(settings))
        return asyncio.run(backup.restore(source, target, new_copy_rows(copy, engine)))


@asynccontextmanager
async def _at_work(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in background:
                task.cancel()


@contextmanager
def _opened_engine(url: str) -> Iterator[Engine]:
    engine = new_engine(url)
    try:
        yield engine
    finally:
        close_engine(engine)


@contextmanager
def _opened_copy(database: Path) -> Iterator[Engine]:
    with _opened_engine(f"sqlite:///{database}") as engine:
        upgrade(engine)
        yield engine


@contextmanager
def _failures_told() -> Iterator[None]:
    """Make a sentence for the operator of whatever the outside may do to a command."""
    try:
        yield
    except StoreUnavailableError as error:
        raise BackupError(f"The database failed: {error}.") from error
    except ArtifactsUnavailableError as error:
        raise BackupError(f"A file cannot be read or written: {error}.") from error
    except OSError as error:
        place = error.filename or "The disk"
        raise BackupError(f"{place} cannot be used: {error.strerror}.") from error


def _kept_by(settings: Settings, engine: Engine) -> End:
    """Give what a registry keeps that may be at work: nothing is prepared here, nor tidied up."""
    artifacts = DiskArtifacts(settings.data_dir / "artifacts", max_bytes=sys.maxsize)
    images = DiskImages(settings.data_dir / "retrain_data")
    return End(SqlStore(engine), artifacts, images)


def _in_folder(folder: Path, engine: Engine, *, is_new: bool) -> End:
    """Give what lies in a folder that is a backup, or becomes one; laid out as a data folder."""
    artifacts = DiskArtifacts(folder / "artifacts", max_bytes=sys.maxsize)
    images = DiskImages(folder / "retrain_data")
    if is_new:
        artifacts.prepare()
        images.prepare()
    return End(SqlStore(engine), artifacts, images)


def _open_artifacts(settings: Settings) -> DiskArtifacts:
    folder = settings.data_dir / "artifacts"
    artifacts = DiskArtifacts(folder, max_bytes=settings.max_artifact_bytes)
    _prepare(artifacts.prepare, folder)
    return artifacts


def _open_images(settings: Settings) -> DiskImages:
    folder = settings.data_dir / "retrain_data"
    images = DiskImages(folder)
    _prepare(images.prepare, folder)
    return images


def _prepare(prepare: Callable[[], None], folder: Path) -> None:
    try:
        prepare()
    except OSError as error:
        raise StartError(f"The folder {folder} cannot be used: {error.strerror}.") from error


async def _catch_up(services: Services) -> None:
    try:
        await services.models.announce_current()
        await services.dataset.finish_deletions()
    except (StoreUnavailableError, ArtifactsUnavailableError) as error:
        _log.warning("not all that was begun before is finished", error=str(error))


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
