"""Trainers killed at work and asked to leave: what becomes of the job and of its process."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from embedded.ports import free_ports
from shared.contracts.train import NewJob
from shared.kafka.settings import KafkaSettings
from shared.testing.processes import ServiceProcess
from shared.testing.processes import running as process
from trainer.core.orders import JobLine
from trainer.main.serving import build
from trainer.ports import Ended
from trainer.settings import Settings

pytestmark = pytest.mark.kafka
TIMEOUT_S = 60
KNOWN = ("clear", "patchy", "white")
LEASE_S = 2.0
JOB = "0190a7c4-0000-7000-8000-000000000001"


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not holds():
            await asyncio.sleep(0.02)


def labels(each: int) -> list[str]:
    return [label for label in KNOWN for _ in range(each)]


class Untouched:
    """A training that must not be started."""

    def __init__(self) -> None:
        self.started = 0

    async def run(self, folder: Path) -> AsyncGenerator[JobLine | Ended]:
        self.started += 1
        yield Ended(1)


def environment(kafka: KafkaSettings, registry: Any, cache: Path, port: int) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "PNEUMO_REGISTRY_URL": registry.url,
        "PNEUMO_TRAINER_PORT": str(port),
        "PNEUMO_TRAINER_CACHE_DIR": str(cache),
        "PNEUMO_TRAINER_LEASE_S": str(LEASE_S),
        "PNEUMO_TRAINER_POLL_S": "0.2",
    }


def children_of(service: ServiceProcess) -> list[psutil.Process]:
    return psutil.Process(service.pid).children()


async def test_a_killed_trainer_leaves_no_process_and_its_job_is_done_by_the_next(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
) -> None:
    # Pictures so large that the training process is still at them when it is met.
    registry = serve_registry(draw_uploads(labels(15), size_px=2500))
    registry.request(NewJob(id=JOB))
    (port,) = free_ports(1)
    env = environment(kafka_settings, registry, tmp_path / "cache", port)
    with process("trainer", port, env, tmp_path / "one.log") as first:
        await until(lambda: bool(children_of(first)))
        (child,) = children_of(first)
        await until(lambda: any(r.phase == "reading the uploads" for r in registry.reports))
        assert registry.outcomes == []
        assert os.sched_getscheduler(child.pid) == os.SCHED_IDLE
        first.kill()
        await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    with process("trainer", port, env, tmp_path / "two.log") as second:
        await until(lambda: bool(registry.outcomes))
        assert second.stop() == 0
    assert registry.jobs[JOB].attempt == 2
    assert [outcome.state for outcome in registry.outcomes] == ["succeeded"]
    assert len(registry.registered) == 1


async def test_a_trainer_killed_at_handing_in_does_not_train_again(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
) -> None:
    registry = serve_registry(draw_uploads(labels(25)))
    registry.holds_outcomes = True
    registry.request(NewJob(id=JOB))
    (port,) = free_ports(1)
    env = environment(kafka_settings, registry, tmp_path / "cache", port)
    with process("trainer", port, env, tmp_path / "one.log") as first:
        await until(lambda: registry.refused_outcomes > 0)
        first.kill()
    registry.holds_outcomes = False
    untouched = Untouched()
    settings = Settings(
        kafka=kafka_settings,
        registry_url=registry.url,
        poll_s=0.2,
        cache_dir=tmp_path / "cache",
    )
    async with build(settings, processes=untouched) as second:
        working = asyncio.create_task(second.run())
        await until(lambda: bool(registry.outcomes))
        working.cancel()
    assert untouched.started == 0
    assert [outcome.state for outcome in registry.outcomes] == ["succeeded"]
    first_bytes, second_bytes = registry.registered
    assert first_bytes == second_bytes


async def test_a_trainer_that_is_asked_to_leave_takes_its_training_along(
    kafka_settings: KafkaSettings,
    serve_registry: Callable[..., Any],
    draw_uploads: Callable[..., Any],
    tmp_path: Path,
) -> None:
    registry = serve_registry(draw_uploads(labels(15), size_px=2500))
    registry.request(NewJob(id=JOB))
    (port,) = free_ports(1)
    env = environment(kafka_settings, registry, tmp_path / "cache", port)
    with process("trainer", port, env, tmp_path / "one.log") as service:
        await until(lambda: bool(children_of(service)))
        (child,) = children_of(service)
        assert service.stop() == 0
        assert not child.is_running()
    # It was ended, it did not come to its end.
    assert not list((tmp_path / "cache" / "jobs").glob("*/result.json"))
    assert registry.outcomes == []
