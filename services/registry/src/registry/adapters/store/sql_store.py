"""The Store port: transactions run in threads, the event loop never waits for the database."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from registry.adapters.store.engine import lock_for_all, read_transaction, write_transaction
from registry.adapters.store.transaction import SqlTransaction
from registry.ports import StoreUnavailableError, Transaction
from shared.observability.error_words import kind_of

T = TypeVar("T")


class SqlStore:
    """A Store over one engine; the schema is there already (`migrate`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on one snapshot. Raises StoreUnavailableError."""
        return await asyncio.to_thread(self._read, work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` as the only writer and commit. Raises StoreUnavailableError."""
        return await asyncio.to_thread(self._write, work)

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Keep everybody else who asks for `name` waiting. Raises StoreUnavailableError.

        Within this process first, so that those who wait need no connection each.
        """
        async with self._locks[name]:
            locking = asyncio.ensure_future(asyncio.to_thread(self._lock, name))
            try:
                await asyncio.shield(locking)
                yield
            finally:
                # Also where this was cancelled while the thread still waited for its turn.
                await asyncio.wait({locking})
                if locking.exception() is None:
                    await asyncio.shield(asyncio.to_thread(_unlock, locking.result()))

    async def ping(self) -> bool:
        """Tell whether the database answers now."""
        try:
            await self.read(lambda tx: tx.count_unsent())
        except StoreUnavailableError:
            return False
        return True

    def _read(self, work: Callable[[Transaction], T]) -> T:
        with translated_errors(), read_transaction(self._engine) as connection:
            return work(SqlTransaction(connection))

    def _write(self, work: Callable[[Transaction], T]) -> T:
        with translated_errors(), write_transaction(self._engine) as connection:
            return work(SqlTransaction(connection))

    def _lock(self, name: str) -> Connection:
        with translated_errors():
            return lock_for_all(self._engine, name)


def _unlock(connection: Connection) -> None:
    with translated_errors():  # the lock may have been lost on the way: then this was not alone
        connection.close()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Make one failure of all that a database may raise: StoreUnavailableError."""
    try:
        yield
    except DBAPIError as error:
        raise StoreUnavailableError(kind_of(error.orig or error)) from error
    except (PoolTimeoutError, SQLAlchemyError) as error:
        raise StoreUnavailableError(kind_of(error)) from error
