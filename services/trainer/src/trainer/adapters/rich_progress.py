"""A bar with the time left, for the person who waits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from trainer.core.history import Epoch


class RichProgress:
    """One bar over all pictures that must go through a network; its text names the stage."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def expect(self, steps: int) -> None:
        """Say how many pictures must still go through a network, all stages together."""
        self._bar.update(self._task, total=steps)

    def stage(self, name: str) -> None:
        """Say what happens now. Where nobody watches a terminal, as a line."""
        self._bar.update(self._task, description=name)
        if not self._bar.console.is_terminal:
            self._bar.console.print(f"… {name}")

    def advance(self, steps: int) -> None:
        """Say that so many are done; the bar grows where more was done than expected."""
        task = self._bar.tasks[self._task]
        if task.total is not None and task.completed + steps > task.total:
            self._bar.update(self._task, total=task.completed + steps)
        self._bar.advance(self._task, steps)

    def learned(self, epochs: Sequence[Epoch]) -> None:
        """Pass over the curves: the stage names the last epoch."""


@contextmanager
def rich_progress(console: Console) -> Iterator[RichProgress]:
    """Show the bar while the block runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        yield RichProgress(bar, bar.add_task("starting", total=None))
