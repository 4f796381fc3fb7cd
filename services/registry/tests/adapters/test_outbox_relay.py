import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from registry.adapters.outbox_relay import OutboxRelay
from registry.adapters.publisher_memory import MemoryBroker
from registry.adapters.store.engine import new_engine
from registry.adapters.store.migrate import upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.ports import Event, Transaction
from shared.clock import SystemClock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    engine = new_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    upgrade(engine)
    yield SqlStore(engine)
    engine.dispose()


async def _enqueue(store: SqlStore, *values: bytes) -> None:
    def enqueue(tx: Transaction) -> None:
        for value in values:
            tx.enqueue(Event("models.events", "chest", value), 1)

    await store.write(enqueue)


@asynccontextmanager
async def _relaying(
    store: SqlStore, broker: MemoryBroker, metrics: CollectorRegistry | None = None
) -> AsyncIterator[OutboxRelay]:
    relay = OutboxRelay(
        store,
        broker.open,
        SystemClock(),
        topic_prefix="p.",
        metrics=metrics or CollectorRegistry(),
    )
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def _all_marked(store: SqlStore) -> None:
    async with asyncio.timeout(10):
        while await store.read(lambda tx: tx.count_unsent()):
            await asyncio.sleep(0.01)


def _values(broker: MemoryBroker) -> list[bytes | None]:
    return [value for _, _, value in broker.records]


async def test_committed_events_are_published_in_order_and_marked_once(store: SqlStore) -> None:
    broker = MemoryBroker()
    await _enqueue(store, b"1", b"2", b"3")
    async with _relaying(store, broker) as relay:
        await _all_marked(store)
        await _enqueue(store, b"4")
        relay.wake()
        await _all_marked(store)
        relay.wake()
        await asyncio.sleep(0.05)
    assert broker.records == [("p.models.events", "chest", v) for v in (b"1", b"2", b"3", b"4")]


async def test_what_was_sent_long_ago_is_forgotten_and_what_was_sent_now_is_not(
    store: SqlStore,
) -> None:
    await _enqueue(store, b"1")
    await store.write(lambda tx: tx.mark_sent(tx.unsent(1)[0].number, 1))
    await _enqueue(store, b"2", b"3")

    def numbers(tx: Transaction) -> list[int]:
        rows = tx._connection.exec_driver_sql(  # type: ignore[attr-defined]
            "SELECT number FROM outbox ORDER BY number"
        )
        return [row.number for row in rows]

    async with _relaying(store, MemoryBroker()), asyncio.timeout(10):
        while 1 in await store.read(numbers):
            await asyncio.sleep(0.01)
    assert await store.read(numbers) == [2, 3]


async def test_events_of_several_topics_leave_in_the_order_of_their_commits(
    store: SqlStore,
) -> None:
    broker = MemoryBroker()
    broker.loses = 2
    topics = ["train.commands", "train.events", "models.events", "train.events"] * 60

    def enqueue(tx: Transaction) -> None:
        for number, topic in enumerate(topics):
            tx.enqueue(Event(topic, "k", str(number).encode()), 1)

    await store.write(enqueue)
    async with _relaying(store, broker):
        await _all_marked(store)
    assert broker.records == [
        (f"p.{topic}", "k", str(number).encode()) for number, topic in enumerate(topics)
    ]


async def test_events_wait_while_the_broker_is_away(store: SqlStore) -> None:
    broker = MemoryBroker()
    broker.is_reachable = False
    metrics = CollectorRegistry()
    await _enqueue(store, b"1", b"2")
    async with _relaying(store, broker, metrics):
        await _until(lambda: broker.attempts >= 2)
        assert await store.read(lambda tx: tx.count_unsent()) == 2
        assert metrics.get_sample_value("pneumo_registry_outbox_unsent") == 2
        broker.is_reachable = True
        await _all_marked(store)
        await _until(lambda: metrics.get_sample_value("pneumo_registry_outbox_unsent") == 0)
    assert _values(broker) == [b"1", b"2"]
    assert metrics.get_sample_value("pneumo_registry_events_published_total") == 2
    assert (metrics.get_sample_value("pneumo_registry_publish_failures_total") or 0) >= 2


async def test_an_event_that_was_lost_is_sent_before_the_ones_behind_it(store: SqlStore) -> None:
    broker = MemoryBroker()
    await _enqueue(store, b"1", b"2", b"3")
    broker.loses = 1
    async with _relaying(store, broker):
        await _all_marked(store)
    assert _values(broker) == [b"1", b"2", b"3"]


async def test_a_new_event_does_not_wait_for_the_end_of_the_backoff(store: SqlStore) -> None:
    broker = MemoryBroker()
    broker.is_reachable = False
    await _enqueue(store, b"1")
    async with _relaying(store, broker) as relay:
        await _until(lambda: broker.attempts >= 3)  # the next wait is a second
        broker.is_reachable = True
        before = asyncio.get_running_loop().time()
        relay.wake()
        await _all_marked(store)
        assert asyncio.get_running_loop().time() - before < 0.9


async def test_a_confirmed_event_that_could_not_be_marked_is_sent_again(store: SqlStore) -> None:
    broker = MemoryBroker()
    await _enqueue(store, b"1", b"2")
    await store.write(_refuse_marks)
    async with _relaying(store, broker):
        await _until(lambda: len(broker.records) >= 2)
        await store.write(_allow_marks)
        await _all_marked(store)
    values = _values(broker)
    assert values[:2] == [b"1", b"1"]
    assert values[-1] == b"2"
    assert values.count(b"2") == 1


def _refuse_marks(tx: Transaction) -> None:
    tx._connection.exec_driver_sql(  # type: ignore[attr-defined]
        "CREATE TRIGGER no_marks BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END"
    )


def _allow_marks(tx: Transaction) -> None:
    tx._connection.exec_driver_sql("DROP TRIGGER no_marks")  # type: ignore[attr-defined]
