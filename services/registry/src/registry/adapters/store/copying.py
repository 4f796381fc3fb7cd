"""All rows of one database into another, whatever their kinds: SQLite, Postgres."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, func, insert, inspect, literal, select

from registry.adapters.store.engine import read_transaction, write_transaction
from registry.adapters.store.leases import SqlLeases
from registry.adapters.store.migrate import newest_revision, revision_of
from registry.adapters.store.sql_store import translated_errors
from registry.adapters.store.tables import LEASES, METADATA
from registry.core.leadership import LEADERSHIP, is_held
from registry.ports import BackupError, CopyRows

_BATCH = 500
"""Rows in memory; also what Postgres fetches or takes in one statement, of which each has 10 s."""


def new_copy_rows(source: Engine, target: Engine) -> CopyRows:
    """Give what copies between two databases of this code's schema, the target empty."""

    async def copy_rows() -> None:
        await asyncio.to_thread(_copy_rows, source, target)

    return copy_rows


def demand_schema(engine: Engine) -> None:
    """Raise BackupError unless a registry of this version's schema has served this database."""
    found, needed = _revision(engine), newest_revision()
    if found is None:
        raise BackupError("There is nothing to back up: no registry has served this database yet.")
    if found != needed:
        raise BackupError(
            f"The database's schema is {found}, this version's {needed}:"
            " back it up with the version that serves it."
        )


def demand_empty(engine: Engine, now_ms: int) -> None:
    """Raise BackupError if a database holds any row, or if another registry serves it."""
    if not _is_there(engine):
        return
    with translated_errors(), read_transaction(engine) as connection:
        _demand_empty(connection)
        _demand_unserved(connection, now_ms)


def _is_there(engine: Engine) -> bool:
    # SQLite makes a file of whatever is only looked at.
    return engine.dialect.name != "sqlite" or Path(engine.url.database or "").exists()


def _revision(engine: Engine) -> str | None:
    if not _is_there(engine):
        return None
    with translated_errors(), read_transaction(engine) as connection:
        return revision_of(connection)


def _copy_rows(source: Engine, target: Engine) -> None:
    with (
        translated_errors(),
        read_transaction(source) as read,
        write_transaction(target) as write,
    ):
        _demand_empty(write)
        for table in _copied():
            _copy(table, read, write)
            _go_on_behind(table, write)


def _copied() -> Sequence[Table]:
    # Sorted: what a row refers to is there before it. Who leads now is no part of a copy.
    return [table for table in METADATA.sorted_tables if table is not LEASES]


def _copy(table: Table, read: Connection, write: Connection) -> None:
    # In the order of the key: a rollback's row refers to an earlier one of the same table.
    query = select(table).order_by(*table.primary_key)
    rows = read.execute(query, execution_options={"yield_per": _BATCH}).mappings()
    for batch in rows.partitions():
        write.execute(insert(table), [dict(row) for row in batch])


def _go_on_behind(table: Table, write: Connection) -> None:
    """Let new rows have numbers behind the copied ones; SQLite sees to that by itself."""
    number = table.autoincrement_column
    if number is None or write.dialect.name != "postgresql":
        return
    sequence = func.pg_get_serial_sequence(table.name, number.name)
    last = func.max(number)
    write.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))


def _demand_empty(connection: Connection) -> None:
    present = set(inspect(connection).get_table_names())
    for table in _copied():
        if table.name not in present:
            continue
        if connection.execute(select(literal(1)).select_from(table).limit(1)).first():
            raise BackupError(
                "The registry to restore into is not empty"
                f" (there are rows in {table.name}): give it a new data folder and database."
            )


def _demand_unserved(connection: Connection, now_ms: int) -> None:
    if not inspect(connection).has_table(LEASES.name):
        return
    lease = SqlLeases(connection).lease(LEADERSHIP)
    if lease is not None and is_held(lease, now_ms):
        raise BackupError("Another registry serves the database to restore into: stop it first.")
