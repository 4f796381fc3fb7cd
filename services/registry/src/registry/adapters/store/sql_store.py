"""The Store port: transactions run in threads, the event loop never waits for the database."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from registry.adapters.store.engine import write_transaction
from registry.adapters.store.transaction import SqlTransaction
from registry.ports import StoreUnavailableError, Transaction
from shared.observability.error_words import kind_of

T = TypeVar("T")


class SqlStore:
    """A Store over one engine; the schema is there already (`migrate`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on one snapshot. Raises StoreUnavailableError."""
        return await asyncio.to_thread(self._read, work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` as the only writer and commit. Raises StoreUnavailableError."""
        return await asyncio.to_thread(self._write, work)

    async def ping(self) -> bool:
        """Tell whether the database answers now."""
        try:
            await self.read(lambda tx: tx.count_unsent())
        except StoreUnavailableError:
            return False
        return True

    def _read(self, work: Callable[[Transaction], T]) -> T:
        with _translated_errors(), self._engine.begin() as connection:
            return work(SqlTransaction(connection))

    def _write(self, work: Callable[[Transaction], T]) -> T:
        with _translated_errors(), write_transaction(self._engine) as connection:
            return work(SqlTransaction(connection))


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StoreUnavailableError(kind_of(error.orig or error)) from error
    except (PoolTimeoutError, SQLAlchemyError) as error:
        raise StoreUnavailableError(kind_of(error)) from error
