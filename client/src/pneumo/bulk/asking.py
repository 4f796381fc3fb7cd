"""Many files asked about at once, with bounded means."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumo.async_client import AsyncClient
from pneumo.bulk.files import printable_path
from pneumo.bulk.rows import Row, answered, refused, unread
from pneumo.bulk.together import together
from pneumo.calls import Explain
from pneumo.errors import (
    ApiError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Larger ones are not even read: no gateway takes them, and they are held in memory."""

_ENDS_ALL = (UnauthorizedError, UnavailableError, RateLimitedError)
"""What would befall every other file as well."""

Known = Callable[[str], Row | None]
"""Gives the row of an image that has been answered already, by sha256."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How files are asked about. concurrency: at most so many are in memory and under way."""

    client: AsyncClient
    concurrency: int = 32
    explain: Explain | None = None
    wait_s: float = 30.0
    known: Known = lambda _: None

    async def ask(self, files: Sequence[Path], on_row: Callable[[Row], None]) -> None:
        """Tell `on_row` what becomes of each file, as soon as it is known.

        Raises PneumoError for what would befall every file, and what `on_row` raises of OSError;
        what is under way is dropped.
        """
        waiting = iter(files)
        workers = min(self.concurrency, len(files))
        await together(self._work(waiting, on_row) for _ in range(workers))

    async def _work(self, waiting: Iterator[Path], on_row: Callable[[Row], None]) -> None:
        for file in waiting:
            on_row(await self._row_of(file))

    async def _row_of(self, file: Path) -> Row:
        read = _read(file)
        if isinstance(read, Row):
            return read
        name, sha256 = printable_path(file), hashlib.sha256(read).hexdigest()
        known = self.known(sha256)
        if known is not None:
            return known.model_copy(update={"file": name})
        try:
            found = await self.client.predict(read, explain=self.explain, wait_s=self.wait_s)
        except _ENDS_ALL:
            raise
        except ApiError as error:
            return refused(name, sha256, error)
        return answered(name, sha256, found)


def _read(file: Path) -> bytes | Row:
    name = printable_path(file)
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            return unread(name, "too_large", "The file is larger than any image may be.")
        return file.read_bytes()
    except OSError as error:
        return unread(name, "unreadable_file", error.strerror or "The file cannot be read.")
