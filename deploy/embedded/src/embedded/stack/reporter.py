"""What the person sees: a spinner and bars on a terminal, plain lines anywhere else."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from rich.console import Console
from rich.json import JSON
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from embedded.errors import EmbeddedError, NotReadyError


class Reporter:
    """Says what happens; decides nothing."""

    def __init__(self, console: Console | None = None, errors: Console | None = None) -> None:
        # soft_wrap: a sentence stays one line, for eyes and for grep.
        self._out = console or Console(soft_wrap=True, highlight=False)
        self._err = errors or Console(stderr=True, soft_wrap=True, highlight=False)

    def say(self, line: str) -> None:
        """Print one line."""
        self._out.print(line, markup=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show that something is under way, then how long it took."""
        started = time.monotonic()
        spinner: AbstractContextManager[Any] = nullcontext()
        if self._out.is_terminal:
            spinner = self._out.status(name)
        with spinner:
            yield
        self._out.print(f"  {name:<44} {time.monotonic() - started:5.1f} s", markup=False)

    def answer(self, text: str) -> None:
        """Print a JSON document, indented."""
        self._out.print(JSON(text))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows under columns."""
        table = Table(*columns, box=None, header_style="bold")
        for row in rows:
            table.add_row(*row)
        self._out.print(table, soft_wrap=False)

    def failure(self, error: EmbeddedError) -> None:
        """Print the one sentence, and the last log lines where there are some."""
        if isinstance(error, NotReadyError) and error.log_tail:
            self._err.print(f"Last lines of {error.name}:", markup=False)
            for line in error.log_tail:
                self._err.print(f"  | {line}", markup=False)
        self._err.print(str(error), style="red", markup=False)

    def downloads(self) -> AbstractContextManager["Downloads"]:
        """Show downloads: one bar for all files, or a line a file where there is no terminal."""
        return _downloads(self._out)


class Downloads:
    """Progress of several files at once, in the shape that jgo calls."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console = console
        self._progress = progress
        self._total_bytes = 0
        self._task = progress.add_task("Apache Kafka", total=None) if progress else None

    @contextmanager
    def file(self, name: str, size_bytes: int) -> Iterator[Callable[[int], None]]:
        """Take one file's start; yields what to call with the bytes of each chunk."""
        if self._progress is None or self._task is None:
            yield lambda _: None
            self._console.print(f"  fetched {name} ({size_bytes / 1e6:.1f} MB)", markup=False)
            return
        progress, task = self._progress, self._task
        self._total_bytes += size_bytes
        progress.update(task, total=self._total_bytes)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _downloads(console: Console) -> Iterator[Downloads]:
    if not console.is_terminal:
        yield Downloads(console, None)
        return
    columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn())
    # Hidden until the first file starts: mostly there is nothing to fetch.
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as progress:
        yield Downloads(console, progress)
