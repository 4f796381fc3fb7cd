"""Following the registry's announcements: load, keep, refuse, try again."""

import asyncio
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from inference_worker.adapters.compute import ComputeThread
from inference_worker.ports import ModelRefusedError, ModelUnavailableError
from inference_worker.service import InferenceService
from inference_worker.subscribers.models import ModelFollower
from shared.clock import SystemClock
from shared.contracts.models import ModelPromoted, ModelRecord
from shared.testing.bundles import new_manifest


def record(version):
    return ModelRecord(
        name="pneumonia",
        version=version,
        state="current",
        created_at_ms=0,
        promoted_at_ms=5,
        bundle_sha256=version[-1] * 64,
        manifest=new_manifest(version=version),
    )


class Engine:
    def __init__(self, version):
        self.manifest = new_manifest(version=version)


@dataclass
class World:
    """Registry, loader and observer in one; `faults` are raised once, then forgotten."""

    faults: list[Exception] = field(default_factory=list)
    swapped: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)
    loaded_back: list[bool] = field(default_factory=list)
    is_back: bool = False
    registered: str = "1"
    away: bool = False

    async def current(self):
        return record("1"), "1"

    async def announced(self):
        if self.away:
            raise ModelUnavailableError("away")
        return record(self.registered)

    async def fetch(self, version):
        if self.faults:
            raise self.faults.pop(0)
        return record(version), version

    def remember(self, model):
        self.remembered.append(model.version)

    def load(self, bundle):
        self.loaded_back.append(self.is_back)
        return Engine(bundle)

    def step_back(self):
        self.is_back = True

    def model_swapped(self, model, _):
        self.swapped.append(model.version)

    def model_refused(self, version, _):
        self.refused.append(version)


@dataclass
class Announcement:
    value: bytes | None


def announce(version, at_ms=10):
    event = ModelPromoted(
        name="pneumonia", version=version, bundle_sha256=version[-1] * 64, promoted_at_ms=at_ms
    )
    return Announcement(event.to_bytes())


@asynccontextmanager
async def following(world, reconcile_every_s=60.0):
    with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
        service = InferenceService(ComputeThread(0), SystemClock())
        follower = ModelFollower(
            "pneumonia",
            world,
            world,
            service,
            pool,
            world,
            reconcile_every_s=reconcile_every_s,
            step_back=world.step_back,
        )
        await follower.load_first()
        task = asyncio.create_task(follower.follow())
        yield follower, service
        task.cancel()


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_announced_model_is_swapped_in():
    world = World()
    async with following(world) as (follower, service):
        follower.on_model_promoted(announce("2"))
        await until(lambda: world.swapped == ["1", "2"])
        assert service.engine.manifest.version == "2"


async def test_only_the_first_model_is_loaded_before_everything_else():
    world = World()
    async with following(world) as (follower, _):
        follower.on_model_promoted(announce("2"))
        await until(lambda: world.swapped == ["1", "2"])
    assert world.loaded_back == [False, True]


async def test_an_engine_that_is_served_no_more_ends_off_the_loop():
    world = World()
    async with following(world) as (follower, service):
        first = service.engine
        ended_in = []
        weakref.finalize(first, lambda: ended_in.append(threading.current_thread().name))
        del first
        follower.on_model_promoted(announce("2"))
        await until(lambda: bool(ended_in))
    assert ended_in[0].startswith("load")
    assert world.remembered == ["1", "2"]


async def test_a_refused_model_leaves_the_old_one_and_is_not_tried_again():
    world = World(faults=[ModelRefusedError("goldens")])
    async with following(world) as (follower, service):
        follower.on_model_promoted(announce("2"))
        await until(lambda: world.refused == ["2"])
        follower.on_model_promoted(announce("2"))
        follower.on_model_promoted(announce("3"))
        await until(lambda: world.swapped == ["1", "3"])
        assert service.engine.manifest.version == "3"


async def test_a_registry_that_is_away_is_asked_again():
    world = World(faults=[ModelUnavailableError("away")])
    async with following(world) as (follower, _):
        follower.on_model_promoted(announce("2"))
        await until(lambda: world.swapped == ["1", "2"])


async def test_a_missed_event_is_made_up_for_by_asking_the_registry():
    world = World(away=True)
    async with following(world, reconcile_every_s=0.02) as (_, service):
        world.registered = "2"
        world.away = False
        await until(lambda: world.swapped == ["1", "2"])
        assert service.engine.manifest.version == "2"


async def test_an_old_announcement_that_comes_late_changes_nothing():
    world = World()
    async with following(world) as (follower, service):
        follower.on_model_promoted(announce("2", at_ms=4))
        await until(lambda: not follower._announced.is_set())
        follower.on_model_promoted(announce("3", at_ms=6))
        await until(lambda: world.swapped == ["1", "3"])
        assert service.engine.manifest.version == "3"


def test_a_foreign_event_is_an_error_for_the_reader_to_log():
    follower = ModelFollower(
        "pneumonia", None, None, None, None, None, reconcile_every_s=1, step_back=None
    )
    with pytest.raises(ValueError, match="Field required"):
        follower.on_model_promoted(Announcement(b'{"a": 1}'))
    follower.on_model_promoted(Announcement(None))
