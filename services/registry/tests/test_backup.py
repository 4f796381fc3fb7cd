import asyncio
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.adapters.artifacts_disk import DiskArtifacts
from registry.adapters.images_disk import DiskImages
from registry.adapters.store.copying import new_copy_rows
from registry.adapters.store.engine import new_engine
from registry.adapters.store.migrate import downgrade, upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.main import back_up
from registry.ports import BackupError, End, ImageFiles
from registry.service import backup
from registry.settings import Settings

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "saved" / "backup"


def _names(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern) if path.name != ".incoming")


def _file(folder: Path, kind: str) -> Path:
    pattern = "artifacts/?*" if kind == "artifact" else "retrain_data/??/*"
    return next(path for path in sorted(folder.glob(pattern)) if path.is_file())


async def test_a_backup_is_a_data_folder_with_every_row_and_file_and_can_be_served(
    registry: Registry, fill_all: Any, rows_of: Any, settings: Settings, to: Path
) -> None:
    images = await fill_all()
    on_their_way = [_on_its_way(settings.data_dir / kind) for kind in ("artifacts", "retrain_data")]
    held = await asyncio.to_thread(back_up, settings, to)
    assert all(part.exists() for part in on_their_way)
    assert (held.models, held.images, held.jobs) == (2, len(images), 1)
    assert rows_of(f"sqlite:///{to}/registry.db") == rows_of(settings.store_url)
    assert all(rows_of(settings.store_url).values())
    assert _names(to) == ["artifacts", "registry.db", "retrain_data"]
    assert _names(to.parent) == ["backup"]
    assert _checked_bytes(to) == held.size_bytes
    async with registry() as live, registry(data_dir=to) as copy:
        for asked in ("/v1/models", "/v1/models/current", "/v1/dataset", "/v1/jobs"):
            assert (await copy.get(asked)).json() == (await live.get(asked)).json()


def _on_its_way(folder: Path) -> Path:
    """Make what a registry at work has there while it takes a file in."""
    part = folder / ".incoming" / "part"
    part.touch()
    return part


def _checked_bytes(folder: Path) -> int:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.glob("*/**/*") if path.is_file()]
    for path in files:
        assert path.name == hashlib.sha256(path.read_bytes()).hexdigest()
    return sum(path.stat().st_size for path in files)


class Hooked:
    """ImageFiles with something to do before a file is loaded, or after one was stored."""

    def __init__(self, files: ImageFiles, *, before: Any = None, after: Any = None) -> None:
        self._files = files
        self._before, self._after = before, after
        self._turn = asyncio.Lock()

    async def load(self, sha256: str) -> bytes | None:
        async with self._turn:
            if self._before is not None:
                before, self._before = self._before, None
                await before()
        return await self._files.load(sha256)

    async def store(self, sha256: str, content: bytes) -> None:
        await self._files.store(sha256, content)
        if self._after is not None:
            await self._after(sha256)

    async def remove(self, sha256: str) -> None:
        await self._files.remove(sha256)


@contextmanager
def _by_hand(settings: Settings, to: Path, before: Any, after: Any) -> Iterator[Any]:
    """Give what a backup needs, with hooks; as `main.back_up` puts it together."""
    to.mkdir(parents=True)
    live, copy = new_engine(settings.store_url), new_engine(f"sqlite:///{to}/registry.db")
    upgrade(copy)
    ends = []
    for folder, engine in ((settings.data_dir, live), (to, copy)):
        artifacts = DiskArtifacts(folder / "artifacts", max_bytes=2**40)
        images = DiskImages(folder / "retrain_data")
        artifacts.prepare()
        images.prepare()
        hooked = Hooked(images, before=before, after=after if engine is copy else None)
        ends.append(End(SqlStore(engine), artifacts, hooked))
    yield *ends, new_copy_rows(live, copy)
    live.dispose()
    copy.dispose()


async def test_a_registry_that_works_on_is_backed_up_as_it_was_but_for_what_it_deleted(
    registry: Registry,
    fill_all: Any,
    fill: Any,
    add_model: Any,
    rows_of: Any,
    settings: Settings,
    to: Path,
) -> None:
    gone_before, gone_after, *stay = await fill_all()
    as_it_was = rows_of(settings.store_url)
    async with registry() as http:

        async def work_on() -> None:
            assert (await http.delete(f"/v1/dataset/images/{gone_before}")).is_success
            await fill(http, 3, label="LATER")
            await add_model(http, "v3")
            await http.post("/v1/models/v3/promote")

        async def delete(sha256: str) -> None:
            if sha256 == gone_after:
                assert (await http.delete(f"/v1/dataset/images/{sha256}")).is_success

        with _by_hand(settings, to, work_on, delete) as ends:
            held = await backup.back_up(*ends)
        deletions = [
            (await http.get(f"/v1/dataset/images/{sha256}/audit")).json()["audit"][-1]
            for sha256 in (gone_before, gone_after)
        ]
    assert (held.models, held.images) == (2, len(stay))
    copied = rows_of(f"sqlite:///{to}/registry.db")
    for unchanged in ("models", "promotions", "jobs"):
        assert copied[unchanged] == as_it_was[unchanged]
    assert sorted(row[0] for row in copied["dataset_images"]) == sorted(stay)
    assert {row[1:] for row in copied["dataset_audit"]} == {
        *(row[1:] for row in as_it_was["dataset_audit"]),
        *(
            (line["sha256"], line["action"], line["detail"], line["at_ms"], '{"0":1}')
            for line in deletions
        ),
    }
    assert _names(to, "retrain_data/??/*") == sorted(stay)
    assert {line["action"] for line in deletions} == {"deleted"}


def _remove(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


@pytest.mark.parametrize("kind", ["artifact", "image"])
@pytest.mark.parametrize("damage", [_remove, _cut, _flip])
async def test_a_registry_that_is_not_whole_has_no_backup(
    fill_all: Any, settings: Settings, to: Path, damage: Callable[[Path], None], kind: str
) -> None:
    await fill_all()
    damaged = _file(settings.data_dir, kind)
    damage(damaged)
    with pytest.raises(BackupError) as refused:
        await asyncio.to_thread(back_up, settings, to)
    assert str(refused.value) == (
        f"1 file is missing or not what the name says; the first: {kind} {damaged.name}."
    )
    assert _names(to.parent) == []


async def test_every_damaged_file_is_counted(fill_all: Any, settings: Settings, to: Path) -> None:
    await fill_all()
    for path in settings.data_dir.glob("retrain_data/??/*"):
        _flip(path)
    with pytest.raises(BackupError, match="5 files are missing"):
        await asyncio.to_thread(back_up, settings, to)


async def test_what_is_there_is_never_written_over(
    fill_all: Any, settings: Settings, to: Path
) -> None:
    await fill_all()
    partial = to.with_name("backup.partial")
    partial.mkdir(parents=True)
    (partial / "of another").touch()
    with pytest.raises(BackupError, match="still runs or was killed"):
        await asyncio.to_thread(back_up, settings, to)
    partial.rename(to)
    with pytest.raises(BackupError, match="exists already"):
        await asyncio.to_thread(back_up, settings, to)
    assert _names(to) == ["of another"]


async def test_nothing_is_made_of_a_registry_that_has_never_run(
    settings: Settings, to: Path
) -> None:
    with pytest.raises(BackupError, match="no registry has served"):
        await asyncio.to_thread(back_up, settings, to)
    assert not settings.data_dir.exists()


async def test_another_versions_registry_is_left_to_that_version(
    fill_all: Any, settings: Settings, to: Path
) -> None:
    await fill_all()
    engine = new_engine(settings.store_url)
    downgrade(engine, "0002")
    engine.dispose()
    with pytest.raises(BackupError, match="schema is 0002"):
        await asyncio.to_thread(back_up, settings, to)


def test_a_backup_that_cannot_be_is_one_sentence_and_an_exit_code(tmp_path: Path) -> None:
    env = os.environ | {"PNEUMO_REGISTRY_DATA_DIR": str(tmp_path / "registry")}
    for command in (["backup", str(tmp_path / "to")], ["restore", str(tmp_path / "from")]):
        ended = subprocess.run(
            [sys.executable, "-m", "registry", *command],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 1
        assert ended.stderr.startswith("registry: ")
        assert ended.stderr.count("\n") == 1
