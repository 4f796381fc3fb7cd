import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from registry.adapters.leader import Leader
from registry.adapters.store.migrate import upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.core.leadership import LEADERSHIP, LEASE_MS
from registry.core.lease import Lease
from registry.ports import StoreUnavailableError, Transaction

LEASE_S = LEASE_MS / 1000
T = TypeVar("T")


class SetClock:
    """Time that passes when it is told to; wall and monotonic together."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def now_ms(self) -> int:
        return round(self.at_s * 1000)

    def monotonic_s(self) -> float:
        return self.at_s


class FailingStore(SqlStore):
    """A database that can be taken away."""

    is_away = False
    refused = 0
    hangs = False
    hanging = 0

    async def write(self, work: Callable[[Transaction], T]) -> T:
        if self.hangs:
            self.hanging += 1
            await asyncio.Event().wait()
        if self.is_away:
            self.refused += 1
            raise StoreUnavailableError("away")
        return await super().write(work)


class Registry:
    """One of several over a database: its leader, and whether the duty is at work."""

    def __init__(self, store: SqlStore, clock: SetClock, holder: str) -> None:
        self.works = False
        self.times = 0
        self.metrics = CollectorRegistry()
        duties = (self._duty,)
        self.leader = Leader(store, clock, holder, duties, metrics=self.metrics, renew_s=0.01)

    @property
    def says(self) -> float | None:
        return self.metrics.get_sample_value("pneumo_registry_leader")

    async def _duty(self) -> None:
        self.works = True
        self.times += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.works = False


@pytest.fixture
def store(engine: Engine) -> FailingStore:
    upgrade(engine)
    return FailingStore(engine)


@asynccontextmanager
async def _running(registry: Registry) -> AsyncIterator[None]:
    task = asyncio.create_task(registry.leader.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


async def _rounds(store: SqlStore, clock: SetClock) -> None:
    """Give everybody time to look and to renew; the clock stands."""
    before = clock.at_s
    clock.at_s += 0.001
    async with asyncio.timeout(20):
        while True:
            lease = await store.read(lambda tx: tx.lease(LEADERSHIP))
            if lease and lease.until_ms >= round((before + 0.001) * 1000) + LEASE_MS:
                break
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)


async def test_of_two_registries_one_works_and_the_other_follows_at_once_when_it_goes(
    store: FailingStore,
) -> None:
    clock = SetClock()
    one, two = Registry(store, clock, "one"), Registry(store, clock, "two")
    async with _running(two):
        async with _running(one):
            await _until(lambda: one.works or two.works)
            await _rounds(store, clock)
            first, second = (one, two) if one.works else (two, one)
            assert (first.works, second.works) == (True, False)
            assert (first.says, second.says) == (1, 0)
        await _until(lambda: two.works)  # no time has passed: the leadership was given back
        assert not one.works
        assert two.times == 1


async def test_a_leader_that_vanished_is_followed_when_its_lease_runs_out(
    store: FailingStore,
) -> None:
    clock = SetClock()
    until_ms = clock.now_ms() + LEASE_MS
    await store.write(lambda tx: tx.keep_lease(LEADERSHIP, Lease("gone", until_ms)))
    two = Registry(store, clock, "two")
    async with _running(two):
        await asyncio.sleep(0.1)
        clock.at_s += LEASE_S - 0.01
        await asyncio.sleep(0.1)
        assert not two.works
        clock.at_s += 0.01
        await _until(lambda: two.works)


async def test_a_registry_that_starts_again_leads_again_at_once(store: FailingStore) -> None:
    clock = SetClock()
    until_ms = clock.now_ms() + LEASE_MS
    await store.write(lambda tx: tx.keep_lease(LEADERSHIP, Lease("one", until_ms)))
    one = Registry(store, clock, "one")
    async with _running(one):
        await _until(lambda: one.works)


async def test_a_leader_whose_database_is_away_stops_before_another_may_begin(
    store: FailingStore, engine: Engine
) -> None:
    clock = SetClock()
    one, two = Registry(store, clock, "one"), Registry(SqlStore(engine), clock, "two")
    async with _running(one):
        await _until(lambda: one.works)
        store.is_away = True
        clock.at_s += 5
        await asyncio.sleep(0.1)
        assert one.works  # a short absence is no reason to stop
        store.is_away = False
        await _rounds(store, clock)
        store.is_away = True
        before = store.refused
        await _until(lambda: store.refused > before)  # no renewal is under way any more
        async with _running(two):
            clock.at_s += LEASE_S - 1
            # The gauge follows once every duty has ended, which takes another turn of the loop.
            await _until(lambda: not one.works and one.says == 0)
            assert not two.works
            clock.at_s += 1.1
            await _until(lambda: two.works)
            store.is_away = False
            await asyncio.sleep(0.1)
            assert not one.works


async def test_a_renewal_that_hangs_is_not_waited_for_beyond_the_lease(
    store: FailingStore,
) -> None:
    clock = SetClock()
    one = Registry(store, clock, "one")
    async with _running(one):
        await _until(lambda: one.works)
        store.is_away = True
        clock.at_s += LEASE_S - 2.2  # a fifth of a second before it has to stop
        store.hangs = True
        await _until(lambda: store.hanging > 0)
        assert one.works
        clock.at_s += 0.2
        await _until(lambda: not one.works)
        store.hangs = store.is_away = False


async def test_a_leader_that_slept_through_its_lease_stops_when_it_sees_another(
    store: FailingStore,
) -> None:
    clock = SetClock()
    one = Registry(store, clock, "one")
    async with _running(one):
        await _until(lambda: one.works)
        later_ms = clock.now_ms() + LEASE_MS
        await store.write(lambda tx: tx.keep_lease(LEADERSHIP, Lease("two", later_ms)))
        await _until(lambda: not one.works)
        clock.at_s += LEASE_S
        await _until(lambda: one.works)  # and leads again when that one is gone
        assert one.times == 2


async def test_a_duty_that_breaks_ends_the_registry_and_frees_the_leadership(
    store: FailingStore,
) -> None:
    async def break_down() -> None:
        raise LookupError

    metrics = CollectorRegistry()
    leader = Leader(store, SetClock(), "one", (break_down,), metrics=metrics, renew_s=0.01)
    with pytest.raises(ExceptionGroup) as broken:
        await leader.run()
    assert broken.group_contains(LookupError)
    assert await store.read(lambda tx: tx.lease(LEADERSHIP)) is None
    assert metrics.get_sample_value("pneumo_registry_leader") == 0
