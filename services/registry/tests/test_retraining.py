"""Training unasked: one occasion makes one job, whoever looks how often."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry.adapters.images_disk import DiskImages
from registry.adapters.store.engine import new_engine
from registry.adapters.store.migrate import upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.core.dataset import RecordPlace, Upload
from registry.core.retraining import RetrainRules
from registry.service.dataset import DatasetService
from registry.service.jobs import JobLimits, JobService
from shared.contracts.dataset import UploadHeaders
from shared.contracts.train import Claim, GateReport, JobOutcome, JobReport
from shared.testing.bundles import sha256_hex

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BY_COUNT = RetrainRules(new_images=3, every_ms=0, policy="auto")
BY_CLOCK = RetrainRules(new_images=0, every_ms=DAY_MS, policy="auto")


@dataclass
class SetClock:
    """A clock that is set by hand."""

    at_ms: int = 20_000 * DAY_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_s(self) -> float:
        return self.at_ms / 1000


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    engine = new_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    upgrade(engine)
    yield SqlStore(engine)
    engine.dispose()


@pytest.fixture
def dataset(store: SqlStore, clock: SetClock, tmp_path: Path) -> DatasetService:
    files = DiskImages(tmp_path / "retrain_data")
    files.prepare()

    async def ends() -> Mapping[int, int]:
        return {}

    return DatasetService(store, files, clock, max_bytes=1024, upload_ends=ends)


@pytest.fixture
def jobs(store: SqlStore, clock: SetClock) -> JobService:
    return JobService(store, clock, announce=lambda: None, limits=JobLimits(2, 8))


async def _add(dataset: DatasetService, clock: SetClock, *names: str) -> None:
    clock.at_ms += 1
    headers = UploadHeaders(id="u", label="NORMAL", content_type="image/png")
    contents = [name.encode() for name in names]
    place = RecordPlace(0, 0, clock.at_ms)
    await dataset.take_in([Upload(headers, sha256_hex(c), c, place) for c in contents])


async def _reject(jobs: JobService, id_: str) -> None:
    await jobs.lease(id_, Claim(holder="t", ttl_s=60))
    gate = GateReport(accepted=False, checks=(), current_version="v1", images=1)
    await jobs.finish(id_, JobOutcome(holder="t", state="rejected", gate=gate))


async def test_as_many_looks_as_there_may_be_make_one_job(
    jobs: JobService, dataset: DatasetService, clock: SetClock, store: SqlStore
) -> None:
    await _add(dataset, clock, "a", "b")
    assert await jobs.retrain_if_due(BY_COUNT) is None
    await _add(dataset, clock, "c")
    made = await asyncio.gather(*(jobs.retrain_if_due(BY_COUNT) for _ in range(5)))
    assert [job.mode for job in made if job is not None] == ["fast"]
    assert await store.read(lambda tx: tx.count_unsent()) == 2  # its command and its event


async def test_images_that_were_tried_are_not_tried_again(
    jobs: JobService, dataset: DatasetService, clock: SetClock
) -> None:
    await _add(dataset, clock, "a", "b", "c")
    first = await jobs.retrain_if_due(BY_COUNT)
    assert first is not None
    await _reject(jobs, first.id)
    await _add(dataset, clock, "d", "e")
    assert await jobs.retrain_if_due(BY_COUNT) is None
    await _add(dataset, clock, "f")
    second = await jobs.retrain_if_due(BY_COUNT)
    assert second is not None
    assert second.id != first.id


async def test_a_trainer_that_works_on_a_job_still_offers_its_modes(
    jobs: JobService, dataset: DatasetService, clock: SetClock
) -> None:
    await _add(dataset, clock, "a", "b", "c")
    job = await jobs.retrain_if_due(BY_COUNT)
    assert job is not None
    await jobs.claimable(1, ("fast",))
    await jobs.lease(job.id, Claim(holder="t", ttl_s=60))
    for _ in range(5):
        clock.at_ms += 30_000
        await jobs.report(job.id, JobReport(holder="t", ttl_s=60, state="running"))
    assert jobs.modes() == ("fast",)
    clock.at_ms += 60_000
    assert jobs.modes() is None


async def test_the_clock_makes_one_job_a_day(
    jobs: JobService, dataset: DatasetService, clock: SetClock
) -> None:
    await _add(dataset, clock, "a", "b")
    first = await jobs.retrain_if_due(BY_CLOCK)
    assert first is not None
    await _reject(jobs, first.id)
    await _add(dataset, clock, "c")
    assert await jobs.retrain_if_due(BY_CLOCK) is None
    clock.at_ms += DAY_MS
    assert await jobs.retrain_if_due(BY_CLOCK) is not None
