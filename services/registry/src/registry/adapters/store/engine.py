"""Connections: what each database needs to be durable and to have one writer at a time."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from registry.ports import StartError

_WAIT_S = 10
_SILENT_S = 5
"""A registry that was frozen in mid-transaction loses it so soon, and others get their turn."""
_ALONE_S = 60
"""The same for one that is alone with something: files are written meanwhile."""
_WRITER_LOCK = 0x706E_6575_6D6F
"""Key of the Postgres advisory lock that makes writers queue; SQLite has its own."""
_LOCKS = 0x7065_6D6F
"""First key of the Postgres locks that have names."""

_SQLITE_PRAGMAS = (
    f"busy_timeout = {_WAIT_S * 1000}",
    "journal_mode = WAL",
    "synchronous = FULL",  # a commit that was answered survives a power cut
    "foreign_keys = ON",
)


def new_engine(url_text: str) -> Engine:
    """Make an engine for sqlite:///file or postgresql://…; nothing is opened yet.

    Raises StartError for a URL of another kind; it never repeats the URL, which holds a password.
    """
    try:
        url = make_url(url_text)
    except ArgumentError:
        raise StartError("PNEUMO_REGISTRY_DATABASE_URL is not a database URL.") from None
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return _new_sqlite(url.set(drivername="sqlite+pysqlite"))
    if url.get_backend_name() == "postgresql":
        return _new_postgres(url.set(drivername="postgresql+psycopg"))
    raise StartError(
        "PNEUMO_REGISTRY_DATABASE_URL must be sqlite:///<file> or postgresql://<host>/<name>."
    )


def close_engine(engine: Engine) -> None:
    """Close every connection; one that a cancelled reader's thread still has, once it is back."""

    @event.listens_for(engine.pool, "checkin")
    def _on_late_return(dbapi_connection: Any, _record: Any) -> None:
        if dbapi_connection is not None:
            dbapi_connection.close()

    engine.dispose()


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Give a connection on which every statement sees the same moment, and none may write."""
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":  # where else each statement sees a moment of its own
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.execution_options(**options).begin() as connection:
        yield connection


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Give a connection on which nobody else writes; commit at the end, roll back on error."""
    with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
        yield connection


def lock_for_all(engine: Engine, name: str) -> Connection:
    """Wait until no other connection has the lock `name`; it is given up when this one is closed.

    On SQLite no lock is taken: a data folder has one process.
    """
    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        # Of the transaction, not of the session: the pool ends it whatever happens to its user.
        key = zlib.crc32(name.encode()) - 2**31
        try:
            connection.exec_driver_sql(
                f"SET LOCAL idle_in_transaction_session_timeout = '{_ALONE_S}s'"
            )
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCKS}, {key})")
        except BaseException:
            connection.close()
            raise
    return connection


def _new_sqlite(url: Any) -> Engine:
    engine = create_engine(url)

    # The driver would begin transactions when it sees fit, and never around DDL: we say when.
    @event.listens_for(engine, "connect")
    def _on_connect(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        begin = connection.get_execution_options().get("begin", "BEGIN")
        connection.exec_driver_sql(begin)

    return engine


def _new_postgres(url: Any) -> Engine:
    limits = {
        "lock_timeout": _WAIT_S,
        "statement_timeout": _WAIT_S,
        "idle_in_transaction_session_timeout": _SILENT_S,
    }
    timeouts = " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items())
    return create_engine(
        url,
        pool_size=3,
        max_overflow=2,
        pool_timeout=_WAIT_S,
        pool_pre_ping=True,  # a restarted server costs a reconnect, not an error
        connect_args={"connect_timeout": 5, "options": timeouts},
    )
