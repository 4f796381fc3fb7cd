import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from registry.adapters.store.engine import close_engine, new_engine, write_transaction
from registry.adapters.store.migrate import upgrade
from registry.adapters.store.sql_store import SqlStore
from registry.adapters.store.transaction import SqlTransaction
from registry.core.lifecycle import Promote, Promotion
from registry.core.registration import decide_registration
from registry.ports import Event, Store, StoreUnavailableError, Transaction
from shared.contracts.models import ModelRecord
from shared.testing.bundles import default_files, manifest_bytes, new_manifest


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    upgrade(engine)
    return SqlStore(engine)


def _model(version: str, created_at_ms: int = 1) -> tuple[ModelRecord, bytes]:
    manifest = new_manifest(default_files(version), version=version)
    body = manifest_bytes(manifest)
    record = decide_registration(manifest, body, None, created_at_ms)
    assert isinstance(record, ModelRecord)
    return record, body


async def _add(store: Store, *versions: str) -> None:
    def add(tx: Transaction) -> None:
        for at_ms, version in enumerate(versions):
            tx.add_model(*_model(version, at_ms))

    await store.write(add)


async def test_a_model_comes_back_as_it_was_added(store: Store) -> None:
    record, body = _model("v1")
    await store.write(lambda tx: tx.add_model(record, body))
    assert await store.read(lambda tx: tx.model("v1")) == record
    assert await store.read(lambda tx: tx.manifest_bytes("v1")) == body
    assert await store.read(lambda tx: tx.models()) == [record]


async def test_what_is_not_there_is_none(store: Store) -> None:
    def look(tx: Transaction) -> list[object]:
        return [
            tx.model("v1"),
            tx.manifest_bytes("v1"),
            tx.current(),
            tx.latest_promotion(),
            tx.promotion(1),
        ]

    assert await store.read(look) == [None] * 5


async def test_models_are_listed_oldest_first(store: Store) -> None:
    await _add(store, "z", "a", "m")
    assert [m.version for m in await store.read(lambda tx: tx.models())] == ["z", "a", "m"]


async def test_a_promotion_changes_both_models_and_the_history(store: Store) -> None:
    await _add(store, "v1", "v2")
    await store.write(lambda tx: tx.record_promotion(Promote("v1", None, None, 10, "promote")))
    await store.write(lambda tx: tx.record_promotion(Promote("v2", "v1", 1, 20, "promote")))
    current = await store.read(lambda tx: tx.current())
    assert current is not None
    assert (current.version, current.state, current.promoted_at_ms) == ("v2", "current", 20)
    states = {m.version: m.state for m in await store.read(lambda tx: tx.models())}
    assert states == {"v1": "retired", "v2": "current"}
    assert await store.read(lambda tx: tx.latest_promotion()) == Promotion(2, "v2", 1, 20)
    assert await store.read(lambda tx: tx.promotion(1)) == Promotion(1, "v1", None, 10)


async def test_the_database_itself_allows_one_current_model(store: Store) -> None:
    await _add(store, "v1", "v2")
    await store.write(lambda tx: tx.record_promotion(Promote("v1", None, None, 10, "promote")))
    with pytest.raises(StoreUnavailableError):
        await store.write(lambda tx: tx.record_promotion(Promote("v2", None, None, 20, "promote")))


async def test_a_change_that_raises_leaves_nothing_behind(store: Store) -> None:
    def work(tx: Transaction) -> None:
        tx.add_model(*_model("v1"))
        tx.enqueue(Event("t", "k", b"v"), 1)
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(work)
    assert await store.read(lambda tx: (tx.models(), tx.count_unsent())) == ([], 0)


async def test_events_wait_in_order_until_marked_once(store: Store) -> None:
    for value in (b"1", b"2", b"3"):
        await store.write(lambda tx, value=value: tx.enqueue(Event("t", "k", value), 1))
    waiting = await store.read(lambda tx: tx.unsent(2))
    assert [unsent.event.value for unsent in waiting] == [b"1", b"2"]
    await store.write(lambda tx: tx.mark_sent(waiting[0].number, 5))
    await store.write(lambda tx: tx.mark_sent(waiting[0].number, 9))
    assert [u.event.value for u in await store.read(lambda tx: tx.unsent(9))] == [b"2", b"3"]
    assert await store.read(lambda tx: tx.count_unsent()) == 2


async def test_only_the_last_event_of_a_topic_is_reopened(store: Store) -> None:
    def fill(tx: Transaction) -> None:
        for topic, value in [("t", b"1"), ("t", b"2"), ("other", b"3")]:
            tx.enqueue(Event(topic, "k", value), 1)
        for unsent in tx.unsent(9):
            tx.mark_sent(unsent.number, 2)

    await store.write(fill)
    await store.write(lambda tx: tx.reopen_latest("t"))
    await store.write(lambda tx: tx.reopen_latest("empty"))
    assert [u.event.value for u in await store.read(lambda tx: tx.unsent(9))] == [b"2"]


async def test_old_sent_events_are_forgotten_but_for_the_last_of_each_topic(
    store: Store, engine: Engine
) -> None:
    def fill(tx: Transaction) -> None:
        for topic, value in [("t", b"1"), ("t", b"2"), ("o", b"3"), ("t", b"4"), ("t", b"5")]:
            tx.enqueue(Event(topic, "k", value), 1)
        one, two, three, four, _ = tx.unsent(9)
        for unsent, sent_ms in ((one, 10), (two, 11), (three, 12), (four, 20)):
            tx.mark_sent(unsent.number, sent_ms)

    def left() -> list[bytes]:
        with engine.begin() as connection:
            rows = connection.exec_driver_sql("SELECT value FROM outbox ORDER BY number")
            return [bytes(row.value) for row in rows]

    await store.write(fill)
    assert await store.write(lambda tx: tx.forget_sent(20, 1)) == 1
    assert left() == [b"2", b"3", b"4", b"5"]
    assert await store.write(lambda tx: tx.forget_sent(20, 9)) == 1
    assert left() == [b"3", b"4", b"5"]
    await store.write(lambda tx: tx.reopen_latest("o"))
    assert [u.event.value for u in await store.read(lambda tx: tx.unsent(9))] == [b"3", b"5"]


async def test_writers_queue_and_lose_nothing(store: Store) -> None:
    def count_up(tx: Transaction) -> None:
        # Reads, then writes what it read: two writers at once would lose one of two.
        seen = tx.count_unsent()
        tx.enqueue(Event("t", str(seen), b""), 1)

    await asyncio.gather(*(store.write(count_up) for _ in range(24)))
    keys = [u.event.key for u in await store.read(lambda tx: tx.unsent(99))]
    assert keys == [str(n) for n in range(24)]


async def test_readers_go_on_while_a_writer_holds_the_database(
    store: SqlStore, engine: Engine
) -> None:
    with write_transaction(engine):
        async with asyncio.timeout(2):
            assert await store.ping()


async def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(
    store: SqlStore, engine: Engine
) -> None:
    def look(tx: Transaction) -> tuple[int, int]:
        before = tx.count_unsent()
        with write_transaction(engine) as connection:
            SqlTransaction(connection).enqueue(Event("t", "k", b"v"), 1)
        return before, tx.count_unsent()

    assert await store.read(look) == (0, 0)
    assert await store.read(lambda tx: tx.count_unsent()) == 1


async def test_a_database_that_went_away_is_a_typed_failure(
    store: SqlStore, engine: Engine
) -> None:
    with write_transaction(engine) as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
    with pytest.raises(StoreUnavailableError):
        await store.read(lambda tx: tx.count_unsent())
    assert not await store.ping()


async def test_of_those_who_want_to_be_alone_one_goes_on_in_all_registries(
    store: SqlStore, engine: Engine
) -> None:
    # On SQLite a folder has one registry; on Postgres another has a store of its own.
    others = SqlStore(engine) if engine.dialect.name == "postgresql" else store
    inside: list[str] = []

    async def go(store: SqlStore, who: str) -> None:
        async with store.alone("dataset"):
            inside.append(f"{who} in")
            await asyncio.sleep(0.02)
            inside.append(f"{who} out")

    await asyncio.gather(*(go(each, f"{n}") for n in range(6) for each in (store, others)))
    pairs = zip(inside[::2], inside[1::2], strict=True)
    assert all(came.split()[0] == left.split()[0] for came, left in pairs)
    async with store.alone("dataset"), asyncio.timeout(5), others.alone("something else"):
        pass


async def test_whoever_is_called_away_while_waiting_leaves_the_place_free(
    store: SqlStore, engine: Engine
) -> None:
    others = SqlStore(engine) if engine.dialect.name == "postgresql" else store

    async def enter() -> None:
        async with others.alone("dataset"):
            raise AssertionError("nobody leaves before")

    async with store.alone("dataset"):
        waiting = asyncio.create_task(enter())
        await asyncio.sleep(0.1)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5), others.alone("dataset"):
        pass


async def test_no_change_waits_for_those_who_are_alone(store: SqlStore) -> None:
    async with store.alone("dataset"), asyncio.timeout(5):
        await store.write(lambda tx: tx.enqueue(Event("t", "k", b""), 1))
        assert await store.read(lambda tx: tx.count_unsent()) == 1


@pytest.fixture
def postgres_store(postgres_url: str) -> Iterator[SqlStore]:
    engine = new_engine(postgres_url)
    upgrade(engine)
    yield SqlStore(engine)
    engine.dispose()


async def test_who_waits_too_long_for_being_alone_is_told(
    postgres_store: SqlStore, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    monkeypatch.setattr("registry.adapters.store.engine._WAIT_S", 1)
    engine = new_engine(postgres_url)
    async with postgres_store.alone("dataset"):
        with pytest.raises(StoreUnavailableError):
            async with SqlStore(engine).alone("dataset"):
                pass
    engine.dispose()


def test_a_connection_that_comes_back_after_the_end_is_closed_too(engine: Engine) -> None:
    connection = engine.connect()
    driver = connection.connection.dbapi_connection
    assert driver is not None
    close_engine(engine)
    connection.exec_driver_sql("SELECT 1")
    connection.close()
    with pytest.raises(engine.dialect.loaded_dbapi.Error, match="closed"):
        driver.cursor()


async def test_who_fell_silent_in_mid_transaction_does_not_keep_the_others_waiting(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process that was frozen there."""
    for name in ("_SILENT_S", "_ALONE_S"):
        monkeypatch.setattr(f"registry.adapters.store.engine.{name}", 1)
    frozen, engine = new_engine(postgres_url), new_engine(postgres_url)
    upgrade(engine)
    store = SqlStore(engine)
    writing = write_transaction(frozen)
    writing.__enter__()
    await store.write(lambda tx: tx.enqueue(Event("t", "k", b""), 1))
    with pytest.raises(DBAPIError):
        writing.__exit__(None, None, None)
    with pytest.raises(StoreUnavailableError):
        async with SqlStore(frozen).alone("dataset"), store.alone("dataset"):
            pass
    for each in (frozen, engine):
        each.dispose()
