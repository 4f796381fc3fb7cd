import asyncio
import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, insert, update

from registry.adapters.store.engine import new_engine, write_transaction
from registry.adapters.store.migrate import downgrade, upgrade
from registry.adapters.store.tables import LEASES
from registry.core.leadership import LEADERSHIP, LEASE_MS
from registry.main import back_up, restore
from registry.ports import BackupError, StartError
from registry.settings import Settings
from shared.clock import SystemClock

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
NUMBERED = ("promotions", "outbox", "dataset_audit")


@pytest.fixture
async def saved(fill_all: Any, settings: Settings, tmp_path: Path) -> Path:
    """Give a backup of a registry that had rows in every table."""
    await fill_all()
    to = tmp_path / "backup"
    await asyncio.to_thread(back_up, settings, to)
    return to


@pytest.fixture
def target(settings: Settings, tmp_path: Path) -> Settings:
    """Give the settings of a registry that has never run."""
    return settings.model_copy(update={"data_dir": tmp_path / "target"})


def _files(folder: Path) -> dict[str, str]:
    """Give the hash of every file, but for what SQLite and the lock keep."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("**/*")
        if path.is_file() and not path.name.startswith("registry.")
    }


def _hashes(folder: Path) -> dict[str, str]:
    """Give the hash of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("**/*")
        if path.is_file()
    }


def _change(database: Path, work: Callable[[Engine], None]) -> None:
    engine = new_engine(f"sqlite:///{database}")
    work(engine)
    engine.dispose()


def _rot(folder: Path, kind: str) -> Path:
    rotten = next(path for path in sorted(folder.glob(kind)) if path.is_file())
    rotten.write_bytes(rotten.read_bytes()[:-1] + b"\0")
    return rotten


async def test_a_registry_restored_has_all_that_was_backed_up(
    registry: Registry, rows_of: Any, settings: Settings, target: Settings, saved: Path
) -> None:
    before = _hashes(saved)
    held = await asyncio.to_thread(restore, target, saved)
    assert (held.models, held.images, held.jobs) == (2, 5, 1)
    assert _hashes(saved) == before
    assert rows_of(target.store_url) == rows_of(settings.store_url)
    assert _files(target.data_dir) == _files(settings.data_dir)
    async with registry() as old, registry(data_dir=target.data_dir) as new:
        for asked in ("/v1/models/current", "/v1/dataset", "/v1/jobs"):
            assert (await new.get(asked)).json() == (await old.get(asked)).json()
        (await new.post("/v1/models/v2/promote")).raise_for_status()


async def test_to_postgres_and_s3_and_back_nothing_changes_and_new_numbers_go_on_behind(
    registry: Registry,
    rows_of: Any,
    settings: Settings,
    target: Settings,
    saved: Path,
    postgres_url: str,
    bucket_url: str,
    s3_endpoint: str,
    tmp_path: Path,
) -> None:
    elsewhere = {
        "database_url": SecretStr(postgres_url),
        "files_url": bucket_url,
        "files_endpoint": s3_endpoint,
    }
    on_postgres = target.model_copy(update=elsewhere)
    await asyncio.to_thread(restore, on_postgres, saved)
    assert not _files(target.data_dir)
    original = rows_of(settings.store_url)
    assert rows_of(postgres_url) == original
    back = settings.model_copy(update={"data_dir": tmp_path / "back"})
    await asyncio.to_thread(back_up, on_postgres, tmp_path / "from postgres")
    await asyncio.to_thread(restore, back, tmp_path / "from postgres")
    assert rows_of(back.store_url) == original
    assert _files(back.data_dir) == _files(settings.data_dir)
    for settled in (on_postgres, back):
        where = {name: getattr(settled, name) for name in elsewhere}
        async with registry(data_dir=settled.data_dir, **where) as http:
            image = (await http.get("/v1/dataset/images")).json()["images"][0]["sha256"]
            (await http.post("/v1/models/v2/promote")).raise_for_status()
            (await http.delete(f"/v1/dataset/images/{image}")).raise_for_status()
        now = rows_of(settled.store_url)
        for table in NUMBERED:
            assert now[table][-1][0] == original[table][-1][0] + 1, table


@pytest.mark.parametrize("kind", ["artifacts/?*", "retrain_data/??/*"])
async def test_a_backup_that_rotted_is_refused_before_anything_is_touched(
    target: Settings, saved: Path, kind: str
) -> None:
    rotten = _rot(saved, kind)
    with pytest.raises(BackupError, match=rotten.name):
        await asyncio.to_thread(restore, target, saved)
    assert _hashes(target.data_dir).keys() == {"registry.lock", "registry.id"}


async def test_only_an_empty_registry_that_nobody_serves_is_restored_into(
    registry: Registry, add_model: Any, rows_of: Any, target: Settings, saved: Path
) -> None:
    async with registry(data_dir=target.data_dir) as http:
        with pytest.raises(StartError, match="Another registry already uses"):
            await asyncio.to_thread(restore, target, saved)
        await add_model(http, "v3")
    before = rows_of(target.store_url)
    with pytest.raises(BackupError, match="is not empty"):
        await asyncio.to_thread(restore, target, saved)
    assert rows_of(target.store_url) == before


async def test_a_registry_that_ran_without_keeping_anything_is_restored_into(
    registry: Registry, rows_of: Any, settings: Settings, target: Settings, saved: Path
) -> None:
    async with registry(data_dir=target.data_dir):
        pass
    await asyncio.to_thread(restore, target, saved)
    assert rows_of(target.store_url) == rows_of(settings.store_url)


async def test_a_database_that_another_registry_serves_is_not_restored_into(
    target: Settings, saved: Path, postgres_url: str
) -> None:
    on_postgres = target.model_copy(update={"database_url": SecretStr(postgres_url)})
    engine = new_engine(postgres_url)
    upgrade(engine)
    with write_transaction(engine) as connection:
        until_ms = SystemClock().now_ms() + LEASE_MS
        lease = {"name": LEADERSHIP, "holder": "x", "until_ms": until_ms}
        connection.execute(insert(LEASES).values(lease))
    with pytest.raises(BackupError, match="Another registry serves"):
        await asyncio.to_thread(restore, on_postgres, saved)
    with write_transaction(engine) as connection:
        connection.execute(update(LEASES).values(until_ms=SystemClock().now_ms()))
    engine.dispose()
    await asyncio.to_thread(restore, on_postgres, saved)


async def test_a_folder_that_is_served_is_no_backup(
    registry: Registry, target: Settings, saved: Path
) -> None:
    async with registry(data_dir=saved):
        with pytest.raises(StartError, match="back it up, and restore that"):
            await asyncio.to_thread(restore, target, saved)
    await asyncio.to_thread(restore, target, saved)


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
async def test_a_backup_of_an_older_version_is_restored(
    rows_of: Any, settings: Settings, target: Settings, saved: Path, revision: str
) -> None:
    _change(saved / "registry.db", lambda engine: downgrade(engine, revision))
    before = _hashes(saved)
    await asyncio.to_thread(restore, target, saved)
    assert _hashes(saved) == before
    restored, original = rows_of(target.store_url), rows_of(settings.store_url)
    for table in ("models", "promotions", "outbox"):
        assert restored[table] == original[table]
    # Images of before have neither number nor upload id, the last columns.
    unnumbered = [(*row[:-2], None, None) for row in original["dataset_images"]]
    assert restored["dataset_images"] == ([] if revision == "0001" else unnumbered)


async def test_a_backup_of_a_newer_version_is_refused(target: Settings, saved: Path) -> None:
    def age(engine: Engine) -> None:
        with write_transaction(engine) as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    _change(saved / "registry.db", age)
    with pytest.raises(StartError, match="9999"):
        await asyncio.to_thread(restore, target, saved)


async def test_a_folder_without_a_database_is_no_backup(target: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"holds no registry\.db"):
        await asyncio.to_thread(restore, target, tmp_path)


_CHILD = """
import os, signal, sys
from pathlib import Path

from registry.adapters.store import copying
from registry.main import back_up, restore
from registry.settings import Settings
from shared.clock import SystemClock

def die(*_args):
    os.kill(os.getpid(), signal.SIGKILL)

copying._go_on_behind = die
command = {"backup": back_up, "restore": restore}[sys.argv[1]]
command(Settings(data_dir=Path(sys.argv[2])), Path(sys.argv[3]))
"""


async def _killed(command: str, settings: Settings, folder: Path) -> None:
    run = [sys.executable, "-c", _CHILD, command, str(settings.data_dir), str(folder)]
    ended = await asyncio.to_thread(subprocess.run, run, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


async def test_a_restore_killed_between_files_and_rows_is_run_again(
    rows_of: Any, settings: Settings, target: Settings, saved: Path
) -> None:
    await _killed("restore", target, saved)
    assert _files(target.data_dir) == _files(settings.data_dir)
    assert not any(rows_of(target.store_url).values())
    await asyncio.to_thread(restore, target, saved)
    assert rows_of(target.store_url) == rows_of(settings.store_url)
    assert ".restoring/registry.db" not in _hashes(target.data_dir)


async def test_a_backup_that_was_killed_is_not_there_and_says_so_to_the_next(
    settings: Settings, saved: Path
) -> None:
    to = saved.with_name("later")
    await _killed("backup", settings, to)
    with pytest.raises(BackupError, match=r"later\.partial .* delete it"):
        await asyncio.to_thread(back_up, settings, to)
    assert not _hashes(to)
