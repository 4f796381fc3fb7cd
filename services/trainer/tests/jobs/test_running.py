"""Jobs from lease to outcome: a real broker, a registry over HTTP, training in a real process."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiokafka import TopicPartition
from httpx import ASGITransport, AsyncClient

from shared.contracts.topics import TRAIN_EVENTS
from shared.contracts.train import NewJob, TrainEvent
from shared.kafka.clients import new_consumer, started
from shared.kafka.settings import KafkaSettings
from trainer.core.orders import JobLine
from trainer.main.serving import build
from trainer.ports import Ended
from trainer.settings import Settings

pytestmark = pytest.mark.kafka
TIMEOUT_S = 60
KNOWN = ("clear", "patchy", "white")
LEASE_S = 2.0
JOB = "0190a7c4-0000-7000-8000-000000000001"


@asynccontextmanager
async def trainer(
    kafka: KafkaSettings, registry: Any, cache: Path, **parts: Any
) -> AsyncIterator[Any]:
    settings = Settings(
        kafka=kafka, registry_url=registry.url, lease_s=LEASE_S, poll_s=0.2, cache_dir=cache
    )
    async with build(settings, **parts) as made:
        working = asyncio.create_task(made.run())
        try:
            yield made
            assert not working.done(), working
        finally:
            working.cancel()
            await asyncio.wait([working])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not holds():
            await asyncio.sleep(0.02)


async def events(kafka: KafkaSettings) -> list[TrainEvent]:
    """Give what is there by now."""
    consumer = new_consumer(kafka, client_id="test")
    async with started(consumer):
        partition = TopicPartition(f"{kafka.topic_prefix}{TRAIN_EVENTS.name}", 0)
        consumer.assign([partition])
        (end,) = (await consumer.end_offsets([partition])).values()
        consumer.seek(partition, 0)
        return [TrainEvent.model_validate_json((await consumer.getone()).value) for _ in range(end)]


def labels(each: int) -> list[str]:
    return [label for label in KNOWN for _ in range(each)]


class Stuck:
    """A training that says one thing and then nothing more; who stops it is written down."""

    def __init__(self, *lines: JobLine) -> None:
        self.lines = lines or (JobLine(phase="stuck", progress=0.5, seconds_left=9.0),)
        self.started = 0
        self.stopped = 0

    async def run(self, folder: Path) -> AsyncGenerator[JobLine | Ended]:
        self.started += 1
        try:
            for line in self.lines:
                yield line
            await asyncio.Event().wait()
        finally:
            self.stopped += 1


class Crash:
    """A training that ends at once, without a result."""

    async def run(self, folder: Path) -> AsyncGenerator[JobLine | Ended]:
        yield Ended(-9)


async def test_a_job_is_done_and_its_candidate_handed_in(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
) -> None:
    uploads = draw_uploads(labels(30))
    registry = serve_registry(uploads)
    registry.request(NewJob(id=JOB))
    folders = tmp_path / "cache" / "jobs"
    async with trainer(kafka_settings, registry, tmp_path / "cache") as made:
        # The folder goes after the outcome was taken: nothing of the job may be left in the end.
        await until(lambda: bool(registry.outcomes) and not list(folders.iterdir()))
        async with AsyncClient(
            transport=ASGITransport(made.app), base_url="http://localhost"
        ) as http:
            shown = (await http.get("/metrics")).text
    assert 'pneumo_trainer_jobs_total{state="succeeded"} 1.0' in shown
    for phase in ("fetching", "fitting the head", "gate", "handing in"):
        assert f'pneumo_trainer_phase_seconds_count{{phase="{phase}"}} 1.0' in shown
    (outcome,) = registry.outcomes
    assert outcome.error is None
    assert outcome.state == "succeeded"
    assert outcome.gate.accepted
    assert outcome.model_version.endswith("-000001")
    (manifest,) = registry.registered
    assert outcome.model_version.encode() in manifest
    assert sorted(registry.fetched) == sorted(uploads.contents)
    phases = {event.phase for event in await events(kafka_settings)}
    assert "fetching" in phases


async def test_a_poisoned_batch_is_rejected_and_kept_to_be_looked_at(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
) -> None:
    true = labels(60)
    told = np.random.default_rng(3).permutation(true).tolist()
    registry = serve_registry(draw_uploads(true, told=told))
    registry.request(NewJob(id=JOB))
    async with trainer(kafka_settings, registry, tmp_path / "cache"):
        await until(lambda: bool(registry.outcomes))
    (outcome,) = registry.outcomes
    assert outcome.state == "rejected"
    failed = {check.name for check in outcome.gate.checks if not check.passed}
    assert "upload_label_agreement" in failed
    assert len(registry.registered) == 1


async def test_a_new_class_reaches_the_registry(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
) -> None:
    registry = serve_registry(draw_uploads(["striped"] * 60))
    registry.request(NewJob(id=JOB))
    async with trainer(kafka_settings, registry, tmp_path / "cache"):
        await until(lambda: bool(registry.outcomes))
    assert registry.outcomes[0].state == "succeeded"
    assert b'"striped"' in registry.registered[0]


async def test_progress_is_reported_and_told_and_cancelling_ends_the_training(
    kafka_settings: KafkaSettings, serve_registry: Callable[..., Any], tmp_path: Path
) -> None:
    registry, stuck = serve_registry(), Stuck()
    registry.request(NewJob(id=JOB))
    async with trainer(kafka_settings, registry, tmp_path / "cache", processes=stuck):
        await until(lambda: any(report.phase == "stuck" for report in registry.reports))
        registry.change(JOB, cancel_requested=True)
        await until(lambda: bool(registry.outcomes))
        assert stuck.stopped == 1
    assert [outcome.state for outcome in registry.outcomes] == ["cancelled"]
    told = [event for event in await events(kafka_settings) if event.phase == "stuck"]
    assert [(one.state, one.progress, one.seconds_left) for one in told[:1]] == [
        ("running", 0.5, 9.0)
    ]


async def test_a_lost_lease_ends_the_training_without_a_word(
    kafka_settings: KafkaSettings, serve_registry: Callable[..., Any], tmp_path: Path
) -> None:
    registry, stuck = serve_registry(), Stuck()
    registry.request(NewJob(id=JOB))
    async with trainer(kafka_settings, registry, tmp_path / "cache", processes=stuck):
        await until(lambda: stuck.started == 1)
        registry.take_away(JOB)
        await until(lambda: stuck.stopped == 1)
        asked = registry.asked
        await until(lambda: registry.asked > asked)  # and it looks for other work
    assert registry.offers == ["fast"]
    assert registry.outcomes == []
    assert registry.refused_outcomes == 0
    assert registry.jobs[JOB].attempt == 1


async def test_a_registry_that_is_away_for_longer_than_a_lease_costs_nothing(
    kafka_settings: KafkaSettings, serve_registry: Callable[..., Any], tmp_path: Path
) -> None:
    registry, stuck = serve_registry(), Stuck()
    registry.request(NewJob(id=JOB))
    async with trainer(kafka_settings, registry, tmp_path / "cache", processes=stuck):
        await until(lambda: any(report.phase == "stuck" for report in registry.reports))
        registry.is_down = True
        await until(lambda: not registry.is_held(JOB))
        told = len(registry.reports)
        registry.is_down = False
        await until(lambda: len(registry.reports) > told)
        assert registry.is_held(JOB)
        assert stuck.stopped == 0


class Unheard:
    """A broker that never answers."""

    async def publish(self, event: TrainEvent) -> None:
        await asyncio.Event().wait()


async def test_a_broker_that_does_not_answer_holds_up_no_heartbeat(
    kafka_settings: KafkaSettings, serve_registry: Callable[..., Any], tmp_path: Path
) -> None:
    registry, stuck = serve_registry(), Stuck()
    registry.request(NewJob(id=JOB))
    cache = tmp_path / "cache"
    async with trainer(kafka_settings, registry, cache, processes=stuck, events=Unheard()):
        await until(lambda: sum(r.phase == "stuck" for r in registry.reports) > 3)
        assert registry.is_held(JOB)


async def test_an_outcome_is_repeated_until_the_registry_takes_it(
    kafka_settings: KafkaSettings, serve_registry: Callable[..., Any], tmp_path: Path
) -> None:
    registry = serve_registry()
    registry.holds_outcomes = True
    registry.request(NewJob(id=JOB))
    async with trainer(kafka_settings, registry, tmp_path / "cache", processes=Crash()):
        await until(lambda: registry.refused_outcomes > 1)
        registry.holds_outcomes = False
        await until(lambda: bool(registry.outcomes))
    (outcome,) = registry.outcomes
    assert outcome.state == "failed"
    assert outcome.error == "The training process ended with code -9."


async def test_an_image_that_was_deleted_meanwhile_is_not_learned(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
) -> None:
    uploads = draw_uploads(labels(2))
    registry = serve_registry(uploads)
    gone = registry.forget_when_asked = uploads.images[0].sha256
    registry.request(NewJob(id=JOB))
    stuck = Stuck()
    async with trainer(kafka_settings, registry, tmp_path / "cache", processes=stuck):
        await until(lambda: stuck.started == 1)
        (order,) = (tmp_path / "cache" / "jobs").glob("*/order.json")
        assert gone.encode() not in order.read_bytes()
        assert uploads.images[1].sha256.encode() in order.read_bytes()


async def test_a_trainer_that_leaves_gives_its_job_back(
    kafka_settings: KafkaSettings, serve_registry: Callable[..., Any], tmp_path: Path
) -> None:
    registry, stuck = serve_registry(), Stuck()
    registry.request(NewJob(id=JOB))
    async with trainer(kafka_settings, registry, tmp_path / "cache", processes=stuck):
        await until(lambda: bool(stuck.started))
    assert (registry.released, registry.jobs[JOB].state, stuck.stopped) == ([JOB], "queued", 1)
    assert registry.outcomes == []


@pytest.mark.parametrize("blocked", ["bundles", "images", "jobs"])
async def test_a_trainer_whose_disk_takes_nothing_fails_the_job_and_says_so(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
    blocked: str,
) -> None:
    """A file where one of its folders should be: the errors of a full disk, on every machine."""
    registry = serve_registry(draw_uploads(labels(1)))
    registry.request(NewJob(id=JOB))
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / blocked).write_bytes(b"")
    async with trainer(kafka_settings, registry, cache, processes=Crash()):
        await until(lambda: bool(registry.outcomes))
    (outcome,) = registry.outcomes
    assert outcome.state == "failed"
    assert "disk is full" in (outcome.error or "")
    assert str(tmp_path) not in (outcome.error or "")


@pytest.mark.parametrize("which", ["model.bin", "image"])
async def test_what_is_damaged_in_the_registry_fails_the_job_instead_of_holding_it_for_ever(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
    which: str,
) -> None:
    uploads = draw_uploads(labels(1))
    registry = serve_registry(uploads)
    registry.damages = {which} if which != "image" else set(uploads.contents)
    registry.request(NewJob(id=JOB))
    async with trainer(kafka_settings, registry, tmp_path / "cache", processes=Crash()):
        await until(lambda: bool(registry.outcomes))
    (outcome,) = registry.outcomes
    assert (outcome.state, "damaged" in (outcome.error or "")) == ("failed", True)
