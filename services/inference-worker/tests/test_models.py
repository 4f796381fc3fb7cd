"""Following the registry's announcements: load, keep, refuse, try again."""

import asyncio
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from inference_worker.adapters.compute import ComputeThread
from inference_worker.ports import CacheFailedError, ModelRefusedError, ModelUnavailableError
from inference_worker.service import InferenceService
from inference_worker.subscribers.models import ModelFollower
from shared.clock import SystemClock
from shared.contracts.models import ModelPromoted, ModelRecord, RefusalCode
from shared.testing.bundles import new_manifest


def record(version, promoted_at_ms=5):
    return ModelRecord(
        name="pneumonia",
        version=version,
        state="current",
        created_at_ms=0,
        promoted_at_ms=promoted_at_ms,
        bundle_sha256=version[-1] * 64,
        manifest=new_manifest(version=version),
    )


class Engine:
    def __init__(self, version):
        self.manifest = new_manifest(version=version)


@dataclass
class World:
    """Registry, cache, loader and observer in one.

    faults: raised by fetching a version, first one first, then forgotten. kept: what the cache
    remembers. cache_faults: raised by remembering.
    """

    faults: dict[str, list[Exception]] = field(default_factory=dict)
    cache_faults: list[Exception] = field(default_factory=list)
    unloadable: set[str] = field(default_factory=set)
    kept: str | None = None
    swapped: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    remembered_versions: list[str] = field(default_factory=list)
    loaded_back: list[bool] = field(default_factory=list)
    refusals_ended: int = 0
    not_remembered: int = 0
    is_back: bool = False
    registered: str = "1"
    promoted_at_ms: int = 5
    away: bool = False

    async def announced(self):
        if self.away:
            raise ModelUnavailableError("away")
        return record(self.registered, self.promoted_at_ms)

    async def fetch(self, version):
        self.fetched.append(version)
        if self.faults.get(version):
            raise self.faults[version].pop(0)
        return record(version, self.promoted_at_ms), version

    def remembered(self):
        return None if self.kept is None else (record(self.kept, 1), self.kept)

    def remember(self, model):
        if self.cache_faults:
            raise self.cache_faults.pop(0)
        self.remembered_versions.append(model.version)

    def load(self, bundle):
        if bundle in self.unloadable:
            raise ModelRefusedError(RefusalCode.DAMAGED, "/a/path")
        self.loaded_back.append(self.is_back)
        return Engine(bundle)

    def step_back(self):
        self.is_back = True

    def model_swapped(self, model, _):
        self.swapped.append(model.version)

    def model_refused(self, version, code):
        self.refused.append((version, code))

    def refusal_ended(self):
        self.refusals_ended += 1

    def model_not_remembered(self):
        self.not_remembered += 1


def refusal(code):
    return ModelRefusedError(code, "/a/path")


@dataclass
class Announcement:
    value: bytes | None


def announce(version, at_ms=10):
    event = ModelPromoted(
        name="pneumonia", version=version, bundle_sha256=version[-1] * 64, promoted_at_ms=at_ms
    )
    return Announcement(event.to_bytes())


@asynccontextmanager
async def following(world, reconcile_every_s=60.0, retry_refused_s=60.0):
    with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
        thread = ComputeThread(0)
        service = InferenceService(thread, thread, SystemClock())
        follower = ModelFollower(
            "pneumonia",
            world,
            world,
            service,
            pool,
            world,
            reconcile_every_s=reconcile_every_s,
            retry_refused_s=retry_refused_s,
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
    assert world.remembered_versions == ["1", "2"]


async def test_a_refused_model_leaves_the_old_one_and_is_not_tried_again():
    world = World(faults={"2": [refusal(RefusalCode.GOLDENS)]})
    async with following(world, retry_refused_s=0.01) as (follower, service):
        follower.on_model_promoted(announce("2"))
        await until(lambda: world.refused == [("2", "goldens")])
        follower.on_model_promoted(announce("2"))
        await until(lambda: not follower._announced.is_set())
        follower.on_model_promoted(announce("3"))
        await until(lambda: world.swapped == ["1", "3"])
        assert service.engine.manifest.version == "3"
        await until(lambda: world.refusals_ended == 1)
    assert world.fetched == ["1", "2", "3"]


async def test_a_refused_model_that_is_promoted_again_is_tried_again():
    world = World(faults={"2": [refusal(RefusalCode.GOLDENS)]})
    async with following(world) as (follower, _):
        follower.on_model_promoted(announce("2", at_ms=10))
        await until(lambda: world.refused == [("2", "goldens")])
        follower.on_model_promoted(announce("2", at_ms=11))
        await until(lambda: world.swapped == ["1", "2"])


@pytest.mark.parametrize(
    "code", [RefusalCode.DAMAGED, RefusalCode.ENGINE_FAILED, RefusalCode.CACHE_FAILED]
)
async def test_a_model_refused_for_a_passing_reason_is_served_once_it_has_passed(code):
    world = World(faults={"2": [refusal(code), refusal(code)]})
    async with following(world, reconcile_every_s=0.01, retry_refused_s=0.01) as (_, service):
        world.registered, world.promoted_at_ms = "2", 10
        await until(lambda: world.swapped == ["1", "2"])
        assert service.engine.manifest.version == "2"
        await until(lambda: world.refusals_ended == 1)
    assert world.refused == [("2", code)] * 2


async def test_a_passing_reason_does_not_cost_a_download_at_every_look():
    world = World(faults={"2": [refusal(RefusalCode.DAMAGED)] * 9})
    async with following(world, reconcile_every_s=0.01, retry_refused_s=60) as (follower, _):
        world.registered, world.promoted_at_ms = "2", 10
        await until(lambda: world.refused == [("2", "damaged")])
        for _ in range(5):
            follower.on_model_promoted(announce("2"))
            await until(lambda: not follower._announced.is_set())
    assert world.fetched == ["1", "2"]


@pytest.mark.parametrize("code", list(RefusalCode))
async def test_a_worker_that_starts_under_a_refused_model_serves_what_it_served_last(code):
    faults = [refusal(code)]
    world = World(registered="2", kept="1", faults={"2": faults})
    async with following(world) as (_, service):
        assert service.engine.manifest.version == "1"
        assert world.refused == [("2", code)]
        assert world.refusals_ended == 0
    assert world.fetched == ["2"]


async def test_a_worker_that_serves_what_it_served_last_follows_on():
    world = World(registered="2", kept="1", faults={"2": [refusal(RefusalCode.DAMAGED)] * 2})
    async with following(world, reconcile_every_s=0.02, retry_refused_s=0.01) as (_, service):
        assert service.engine.manifest.version == "1"
        # The first delay is that of a worker which serves nothing yet, two seconds.
        await until(lambda: world.swapped == ["1", "2"])
        await until(lambda: world.refusals_ended == 1)


async def test_what_was_served_last_is_served_while_the_registry_is_away():
    world = World(away=True, kept="1")
    async with following(world):
        assert world.swapped == ["1"]


async def test_with_nothing_good_at_hand_a_worker_waits_and_does_not_download_at_every_look():
    world = World(registered="2", kept="1", unloadable={"1", "2"})
    with ThreadPoolExecutor(1) as pool:
        follower = ModelFollower(
            *("pneumonia", world, world, InferenceService(pool, pool, SystemClock()), pool, world),
            reconcile_every_s=60, retry_refused_s=60, step_back=world.step_back,
        )  # fmt: skip
        loading = asyncio.create_task(follower.load_first())
        await until(lambda: len(world.refused) == 2)
        world.registered, world.promoted_at_ms = "3", 20  # a good one, promoted meanwhile
        await asyncio.wait_for(loading, 10)
    assert world.fetched == ["2", "2", "3"]


async def test_a_model_that_the_cache_cannot_note_is_served_and_what_follows_too():
    world = World(cache_faults=[CacheFailedError("OSError (ENOSPC)")] * 2)
    async with following(world) as (follower, _):
        follower.on_model_promoted(announce("2"))
        await until(lambda: world.swapped == ["1", "2"])
        follower.on_model_promoted(announce("3"))
        await until(lambda: world.swapped == ["1", "2", "3"])
    assert world.not_remembered == 2
    assert world.remembered_versions == ["3"]


async def test_a_registry_that_is_away_is_asked_again():
    world = World(faults={"2": [ModelUnavailableError("away")]})
    async with following(world) as (follower, _):
        follower.on_model_promoted(announce("2"))
        await until(lambda: world.swapped == ["1", "2"])


async def test_back_on_the_served_model_the_refused_one_is_told_no_more():
    world = World(faults={"2": [refusal(RefusalCode.GOLDENS)]})
    async with following(world) as (follower, _):
        follower.on_model_promoted(announce("2", at_ms=10))
        await until(lambda: world.refused == [("2", "goldens")])
        follower.on_model_promoted(announce("1", at_ms=20))
        await until(lambda: world.refusals_ended == 1)
        # What was announced in between is older than the rollback, however late it is read.
        follower.on_model_promoted(announce("2", at_ms=10))
        await until(lambda: not follower._announced.is_set())
    assert world.fetched == ["1", "2"]


async def test_a_missed_event_is_made_up_for_by_asking_the_registry():
    world = World()
    async with following(world, reconcile_every_s=0.02) as (_, service):
        world.away = True
        world.registered, world.promoted_at_ms = "2", 10
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
        *("pneumonia", None, None, None, None, None),
        reconcile_every_s=1,
        retry_refused_s=1,
        step_back=None,
    )
    with pytest.raises(ValueError, match="Field required"):
        follower.on_model_promoted(Announcement(b'{"a": 1}'))
    follower.on_model_promoted(Announcement(None))
