"""The only place where parts meet."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from registry.adapters.artifacts_disk import DiskArtifacts
from registry.adapters.exclusive_folder import hold_folder
from registry.adapters.kafka_publisher import new_open_publisher
from registry.adapters.outbox_relay import OutboxRelay
from registry.adapters.readiness import ReadinessProbe
from registry.adapters.seed_bundle import open_seed_bundle
from registry.adapters.store.engine import new_engine
from registry.adapters.store.migrate import downgrade, upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.core.refusals import Refuse
from registry.http.app import new_app
from registry.ports import ArtifactsUnavailableError, OpenPublisher, StartError
from registry.service import RegistryService
from registry.settings import Settings
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
    ids: Callable[[], str] = new_id,
) -> AsyncIterator[FastAPI]:
    """Give the app with its background tasks at work: schema migrated, seed imported.

    Raises StartError.
    """
    metrics = CollectorRegistry()
    with hold_folder(settings.data_dir), _opened_engine(settings) as engine:
        await asyncio.to_thread(upgrade, engine)
        store = SqlStore(engine)
        artifacts = _open_artifacts(settings)
        relay = OutboxRelay(
            store,
            open_publisher
            or new_open_publisher(settings.kafka, timeout_s=settings.publish_timeout_s),
            clock,
            topic_prefix=settings.kafka.topic_prefix,
            metrics=metrics,
        )
        service = RegistryService(store, artifacts, clock, announce=relay.wake)
        await _seed(service, settings.seed_bundle)
        await service.announce_current()
        probe = ReadinessProbe(store, artifacts)
        await probe.look()
        app = new_app(
            service,
            readiness=probe.checks,
            metrics=metrics,
            max_artifact_bytes=settings.max_artifact_bytes,
            new_id=ids,
        )
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(relay.run()), tasks.create_task(probe.run())]
            try:
                yield app
            finally:
                for task in background:
                    task.cancel()


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises StartError."""
    async with build(settings) as app:
        _log.info("registry serves", host=settings.host, port=settings.port)
        await serve(app, host=settings.host, port=settings.port, stop=stop)


def undo_migrations(settings: Settings, revision: str) -> None:
    """Bring the schema down to `revision`, for a return to an older release. Raises StartError."""
    with hold_folder(settings.data_dir), _opened_engine(settings) as engine:
        downgrade(engine, revision)


@contextmanager
def _opened_engine(settings: Settings) -> Iterator[Engine]:
    engine = new_engine(settings.store_url)
    try:
        yield engine
    finally:
        engine.dispose()


def _open_artifacts(settings: Settings) -> DiskArtifacts:
    folder = settings.data_dir / "artifacts"
    artifacts = DiskArtifacts(folder, max_bytes=settings.max_artifact_bytes)
    try:
        artifacts.prepare()
    except OSError as error:
        raise StartError(f"The folder {folder} cannot be used: {error.strerror}.") from error
    return artifacts


async def _seed(service: RegistryService, folder: Path | None) -> None:
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
