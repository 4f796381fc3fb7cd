import asyncio
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from registry.adapters.artifacts_disk import DiskArtifacts
from registry.adapters.images_disk import DiskImages
from registry.adapters.seed_bundle import open_seed_bundle
from registry.adapters.store.engine import new_engine
from registry.adapters.store.migrate import upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.core.dataset import RecordPlace, Upload
from registry.core.refusals import Refuse
from registry.service.dataset import DatasetService
from registry.service.models import ModelService
from shared.clock import SystemClock
from shared.contracts.dataset import UploadHeaders
from shared.testing.bundles import sha256_hex, write_bundle


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    engine = new_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    upgrade(engine)
    yield SqlStore(engine)
    engine.dispose()


@pytest.fixture
def service(store: SqlStore, tmp_path: Path) -> ModelService:
    artifacts = DiskArtifacts(tmp_path / "artifacts", max_bytes=1024 * 1024)
    artifacts.prepare()
    return ModelService(store, artifacts, SystemClock(), announce=lambda: None)


async def test_of_two_seeds_the_first_stays_and_is_announced_once(
    service: ModelService, store: SqlStore, tmp_path: Path
) -> None:
    for version in ("base-1", "base-2"):
        write_bundle(tmp_path / version, version=version)
        seeded = await service.seed(open_seed_bundle(tmp_path / version))
        assert not isinstance(seeded, Refuse)
        assert seeded.version == "base-1"
    assert len(await service.models(limit=9)) == 1
    assert await store.read(lambda tx: tx.count_unsent()) == 1


async def test_a_seed_that_changes_while_it_is_read_is_refused(
    service: ModelService, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "seed")
    source = open_seed_bundle(tmp_path / "seed")
    (tmp_path / "seed" / "model.bin").write_bytes(b"changed")
    assert isinstance(await service.seed(source), Refuse)
    assert await service.models(limit=9) == []


async def test_a_promotion_and_its_event_commit_together_or_not_at_all(
    service: ModelService, store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LookupError

    write_bundle(tmp_path / "seed")
    monkeypatch.setattr("registry.adapters.store.transaction.SqlTransaction.enqueue", fail)
    with pytest.raises(LookupError):
        await service.seed(open_seed_bundle(tmp_path / "seed"))
    assert isinstance(await service.current(), Refuse)
    assert await store.read(lambda tx: (tx.latest_promotion(), tx.count_unsent())) == (None, 0)


class _SlowFiles(DiskImages):
    """Removes when it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.removing = asyncio.Event()
        self.may_remove = asyncio.Event()

    async def remove(self, sha256: str) -> None:
        self.removing.set()
        await self.may_remove.wait()
        await super().remove(sha256)


async def test_a_deletion_never_takes_the_file_of_a_new_upload(
    store: SqlStore, tmp_path: Path
) -> None:
    files = _SlowFiles(tmp_path / "retrain_data")
    files.prepare()

    async def ends() -> Mapping[int, int]:
        return {0: 1}

    dataset = DatasetService(store, files, SystemClock(), max_bytes=1024, upload_ends=ends)
    headers = UploadHeaders(id="u", label="NORMAL", content_type="image/png")
    first = Upload(headers, sha256_hex(b"x"), b"x", RecordPlace(0, 0, made_at_ms=1))
    await dataset.take_in([first])
    deleting = asyncio.create_task(dataset.delete(first.sha256))
    await files.removing.wait()
    again = dataclasses.replace(first, place=RecordPlace(0, 1, made_at_ms=1))
    taking = asyncio.create_task(dataset.take_in([again]))
    await asyncio.wait({taking}, timeout=0.2)
    files.may_remove.set()
    assert (await deleting, await taking) == (None, ["stored"])
    content = await dataset.content(first.sha256)
    assert not isinstance(content, Refuse)
    assert content.content == b"x"
