"""What an operator does to a registry that is not to serve meanwhile, or goes on."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from registry.adapters.artifacts_disk import DiskArtifacts
from registry.adapters.backup_folder import DATABASE, database_copy, new_backup_folder
from registry.adapters.exclusive_folder import hold_folder, hold_still
from registry.adapters.images_disk import DiskImages
from registry.adapters.store.copying import demand_empty, demand_schema, new_copy_rows
from registry.adapters.store.migrate import downgrade, upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.core.backup import Holdings
from registry.main.storage import look_at_files, open_files, opened_engine
from registry.ports import (
    ArtifactsUnavailableError,
    BackupError,
    End,
    StoreUnavailableError,
)
from registry.service import backup
from registry.settings import Settings
from shared.clock import Clock, SystemClock

_SYSTEM_CLOCK = SystemClock()


def undo_migrations(settings: Settings, revision: str) -> None:
    """Bring the schema down to `revision`, for a return to an older release. Raises StartError."""
    with hold_folder(settings.data_dir), opened_engine(settings.store_url) as engine:
        downgrade(engine, revision)


def back_up(settings: Settings, to: Path) -> Holdings:
    """Copy all that this registry keeps into a new folder; it may go on working meanwhile.

    Raises BackupError, StartError.
    """
    with _failures_told(), opened_engine(settings.store_url) as engine:
        demand_schema(engine)
        with new_backup_folder(to) as folder, _opened_copy(folder / DATABASE) as copy:
            target = _in_folder(folder, copy, is_new=True)
            copy_rows = new_copy_rows(engine, copy)
            source = End(SqlStore(engine), *look_at_files(settings))
            return asyncio.run(backup.back_up(source, target, copy_rows))


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
        opened_engine(settings.store_url) as engine,
    ):
        demand_empty(engine, clock.now_ms())
        source = _in_folder(folder, copy, is_new=False)
        asyncio.run(backup.verify(source))
        upgrade(engine)
        target = End(SqlStore(engine), *open_files(settings))
        return asyncio.run(backup.restore(source, target, new_copy_rows(copy, engine)))


@contextmanager
def _opened_copy(database: Path) -> Iterator[Engine]:
    with opened_engine(f"sqlite:///{database}") as engine:
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


def _in_folder(folder: Path, engine: Engine, *, is_new: bool) -> End:
    """Give what lies in a folder that is a backup, or becomes one; laid out as a data folder."""
    artifacts = DiskArtifacts(folder / "artifacts", max_bytes=sys.maxsize)
    images = DiskImages(folder / "retrain_data")
    if is_new:
        artifacts.prepare()
        images.prepare()
    return End(SqlStore(engine), artifacts, images)
