"""One registry leads: twins in name, and processes that were frozen, change nothing about that."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry

from registry.adapters.exclusive_folder import hold_folder, holder_of
from registry.adapters.leader import Leader
from registry.adapters.publisher_memory import MemoryBroker
from registry.adapters.store.engine import new_engine
from registry.adapters.store.migrate import upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.adapters.uploads_memory import MemoryUploads
from registry.core.leadership import LEADERSHIP, LEASE_MS
from registry.core.lease import Lease
from registry.main import build
from registry.ports import Event, StartError
from registry.settings import Settings

FROZEN_S = 30


class SetClock:
    """Wall and monotonic clock together; passes when it is set."""

    at_s = 1_000.0

    def now_ms(self):
        return round(self.at_s * 1000)

    def monotonic_s(self):
        return self.at_s


class FreezableStore(SqlStore):
    """Writes whose callers are frozen after they asked, and before the database has it."""

    def __init__(self, engine):
        super().__init__(engine)
        self.thaws = asyncio.Event()
        self.thaws.set()
        self.frozen = 0
        self.thawed = 0

    async def write(self, work):
        if not self.thaws.is_set():
            self.frozen += 1
            await self.thaws.wait()
            result = await super().write(work)
            self.thawed += 1
            return result
        return await super().write(work)


class SlowBroker(MemoryBroker):
    """Confirms the first record when it is told to."""

    def __init__(self):
        super().__init__()
        self.asked = asyncio.Event()
        self.confirms = asyncio.Event()

    async def publish(self, topic, *, key, value, headers=()):
        await super().publish(topic, key=key, value=value, headers=headers)
        self.asked.set()
        await self.confirms.wait()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    on_sqlite = request.param == "sqlite"
    return (
        f"sqlite:///{tmp_path / 'shared.db'}"
        if on_sqlite
        else request.getfixturevalue("postgres_url")
    )


@pytest.fixture
def engine(url):
    engine = new_engine(url)
    upgrade(engine)
    yield engine
    engine.dispose()


@asynccontextmanager
async def running(work):
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.005)


def settings_of(folder, url, **more):
    return Settings(data_dir=folder, database_url=url, seed_bundle=None, **more)


def serving(settings, **outside):
    uploads = MemoryUploads()
    return build(
        settings,
        open_publisher=outside.pop("broker", MemoryBroker()).open,
        open_uploads=uploads.open,
        **outside,
    )


async def until_leads(store):
    async with asyncio.timeout(60):
        while await store.read(lambda tx: tx.lease(LEADERSHIP)) is None:
            await asyncio.sleep(0.02)


async def test_a_twin_on_a_machine_of_the_same_name_and_path_is_refused(tmp_path, url, engine):
    """The folder is moved away and made anew: host and path are those of the first registry."""
    folder = tmp_path / "data"
    async with serving(settings_of(folder, url)):
        await until_leads(SqlStore(engine))
        folder.rename(tmp_path / "on the first machine")
        with pytest.raises(StartError, match="Another registry"):
            async with serving(settings_of(folder, url)):
                pass


async def test_of_twins_on_machines_of_the_same_name_and_path_one_leads(tmp_path, engine):
    folder, clock, leading = tmp_path / "data", SetClock(), set()

    def leader():
        holder = object()

        async def duty():
            leading.add(holder)
            try:
                await asyncio.Event().wait()
            finally:
                leading.discard(holder)

        with hold_folder(folder):
            name = holder_of(folder)
        folder.rename(tmp_path / f"away {len(list(tmp_path.iterdir()))}")
        metrics = CollectorRegistry()
        return Leader(SqlStore(engine), clock, name, (duty,), metrics=metrics, renew_s=0.01)

    async with running(leader().run()), running(leader().run()):
        await until(lambda: leading)
        for _ in range(5):  # each has looked once more, however slow the machine
            before = clock.now_ms()
            clock.at_s += 0.001
            await renewed_after(SqlStore(engine), before)
            assert len(leading) == 1


async def renewed_after(store, now_ms):
    async with asyncio.timeout(60):
        while (await store.read(lambda tx: tx.lease(LEADERSHIP))).until_ms <= now_ms + LEASE_MS:
            await asyncio.sleep(0.005)


async def test_a_registry_that_was_frozen_while_it_renewed_takes_the_lease_from_no_other(engine):
    """Its renewal reaches the database when another has led for long."""
    clock, store = SetClock(), FreezableStore(engine)
    leader = Leader(store, clock, "frozen", (), metrics=CollectorRegistry(), renew_s=0.01)
    async with running(leader.run()):
        await until_leads(store)
        store.thaws.clear()
        await until(lambda: store.frozen > 0)
        clock.at_s += FROZEN_S
        other = Lease("other", clock.now_ms() + LEASE_MS)
        await SqlStore(engine).write(lambda tx: tx.keep_lease(LEADERSHIP, other))
        store.thaws.set()
        await until(lambda: store.thawed > 0)
        assert await store.read(lambda tx: tx.lease(LEADERSHIP)) == other


async def test_a_leader_that_was_frozen_sends_no_event_that_it_still_held(tmp_path, url, engine):
    """Another has led meanwhile, and may have announced a later model."""
    clock, broker, store = SetClock(), SlowBroker(), SqlStore(engine)
    async with serving(settings_of(tmp_path / "data", url), broker=broker, clock=clock) as app:
        await until_leads(store)
        for value in (b"1", b"2"):
            event = Event("models.events", "chest", value)
            await store.write(lambda tx, event=event: tx.enqueue(event, 1))
        await asyncio.wait_for(broker.asked.wait(), 60)
        clock.at_s += FROZEN_S
        other = Lease("other", clock.now_ms() + LEASE_MS)
        await store.write(lambda tx: tx.keep_lease(LEADERSHIP, other))
        broker.confirms.set()
        transport = httpx.ASGITransport(app=app)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
            asyncio.timeout(60),
        ):
            while "pneumo_registry_leader 0.0" not in (await http.get("/metrics")).text:
                await asyncio.sleep(0.02)
        assert [value for _, _, value in broker.records] == [b"1"]
