"""Predict many files concurrently with bounded memory."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pneumo.async_client import AsyncClient
from pneumo.bulk.files import printable_path
from pneumo.bulk.rows import ResultRow, answered, refused, unread
from pneumo.endpoints import Explain
from pneumo.errors import (
    ApiError,
    PneumoError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Larger files are not read: no gateway accepts them, and files are held in memory."""

_FATAL = (UnauthorizedError, UnavailableError, RateLimitedError)
"""Errors that every other file would have as well."""

KnownRows = Callable[[str], ResultRow | None]
"""Returns the row of an image that was predicted before, by sha256."""


@dataclass(frozen=True, slots=True)
class BulkPredictor:
    """Predicts files. concurrency: maximum number of files in memory and of requests in flight."""

    client: AsyncClient
    concurrency: int = 32
    explain: Explain | None = None
    wait_s: float = 30.0
    known: KnownRows = lambda _: None

    async def predict_files(
        self, files: Sequence[Path], on_row: Callable[[ResultRow], None]
    ) -> None:
        """Call `on_row` with the result of each file as soon as it is known.

        Raises PneumoError for an error that every file would have, and OSError from `on_row`;
        requests in flight are dropped.
        """
        remaining = iter(files)
        workers = min(self.concurrency, len(files))
        await run_concurrently(self._predict_next(remaining, on_row) for _ in range(workers))

    async def ask(self, files: Sequence[Path], on_row: Callable[[ResultRow], None]) -> None:
        """Call `predict_files`; this is its earlier name, removed in the next release."""
        await self.predict_files(files, on_row)

    async def _predict_next(
        self, files: Iterator[Path], on_row: Callable[[ResultRow], None]
    ) -> None:
        for file in files:
            on_row(await self._predict_file(file))

    async def _predict_file(self, file: Path) -> ResultRow:
        content = _read(file)
        if isinstance(content, ResultRow):
            return content
        name, sha256 = printable_path(file), hashlib.sha256(content).hexdigest()
        known = self.known(sha256)
        if known is not None:
            return known.model_copy(update={"file": name})
        try:
            found = await self.client.predict(content, explain=self.explain, wait_s=self.wait_s)
        except _FATAL:
            raise
        except ApiError as error:
            return refused(name, sha256, error)
        return answered(name, sha256, found)


async def run_concurrently(tasks: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all; the first that fails cancels the others.

    Raises one PneumoError or OSError instead of a group of the same error.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task)
    except* (PneumoError, OSError) as failures:
        raise _first(failures) from None


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _read(file: Path) -> bytes | ResultRow:
    name = printable_path(file)
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            return unread(name, "too_large", "The file exceeds the maximum size of an image.")
        return file.read_bytes()
    except OSError as error:
        return unread(name, "unreadable_file", error.strerror or "The file cannot be read.")
