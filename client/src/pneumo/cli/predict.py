"""`predict`: answers for files, a few or very many."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from pneumo.answers import DISCLAIMER
from pneumo.async_client import AsyncClient
from pneumo.bulk.asking import Asking, Known
from pneumo.bulk.files import find_images
from pneumo.bulk.journal import Journal
from pneumo.bulk.rows import Row
from pneumo.calls import Explain
from pneumo.cli.address import Address, address_of
from pneumo.cli.ending import Exit
from pneumo.cli.output import new_console, report_skipped, say
from pneumo.cli.results import Format, Results, new_stream
from pneumo.errors import PneumoError
from pneumo.retries import RetryPolicy

_PATIENT = RetryPolicy(attempts=7)
"""A gateway may be away for as long as a restart takes; one that is busy says when to come back."""
_TIMEOUT_S = 120.0

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILES...", help="Images, folders of images, globs; quote a glob."),
]
Out = Annotated[Path | None, typer.Option(help="Write rows here as they come (CSV or JSON lines).")]
InFormat = Annotated[
    Format | None, typer.Option("--format", help="Default: what --out is called, else a table.")
]
Explained = Annotated[
    bool, typer.Option("--explain", help="With a class map, in JSON: where the class was seen.")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue --out: answers of the current model are kept."),
]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Requests under way at once.")]
Wait = Annotated[float, typer.Option(min=0.1, max=300, help="Seconds an answer may take.")]
SkipOthers = Annotated[
    bool,
    typer.Option("--skip-others", help="Skipped files do not affect the exit code."),
]


def predict(
    context: typer.Context,
    files: Files,
    out: Out = None,
    format: InFormat = None,  # noqa: A002  the option's own word
    explain: Explained = False,  # noqa: FBT002
    resume: Resume = False,  # noqa: FBT002
    concurrency: Concurrency = 32,
    wait: Wait = 30.0,
    skip_others: SkipOthers = False,  # noqa: FBT002
) -> None:
    """Predict images; rows come in the order of the answers.

    Exits with 0 if every image was answered, 1 if some failed or files were skipped, 3 if the
    gateway became unreachable: the same command with --resume then continues.
    """
    chosen = _format_of(format, out, explained=explain)
    if resume and out is None:
        raise typer.BadParameter("--resume continues a file: name it with --out")
    found = find_images(files)
    bulk = _Bulk(
        address_of(context),
        found.images,
        _results(chosen, out, resume=resume),
        explain="cam" if explain else None,
        concurrency=concurrency,
        wait_s=wait,
        resume=resume,
        needs_model=resume or chosen == "csv",
    )
    ended = bulk.run()
    report_skipped(found.skipped)
    incomplete = bool(found.skipped) and not skip_others
    raise typer.Exit(Exit.FAILED if incomplete and ended is Exit.GOOD else ended)


@dataclass
class _Bulk:
    """One run over many files: what it is asked to do, and what has come of it so far."""

    address: Address
    images: Sequence[Path]
    results: Results
    explain: Explain | None
    concurrency: int
    wait_s: float
    resume: bool
    needs_model: bool
    answered: int = 0
    failed: int = 0

    def run(self) -> Exit:
        """Ask, however it ends say how far it got, and leave the results whole."""
        started_s = time.perf_counter()
        try:
            asyncio.run(self._ask())
        except (KeyboardInterrupt, PneumoError):
            say(self._how_far())
            raise
        finally:
            self.results.close()
        say(f"{self._count()} in {time.perf_counter() - started_s:.1f} s. {DISCLAIMER}")
        return Exit.FAILED if self.failed else Exit.GOOD

    async def _ask(self) -> None:
        client = self.address.async_client(
            connections=self.concurrency, retries=_PATIENT, timeout_s=_TIMEOUT_S
        )
        async with client:
            known = await self._begin(client)
            asking = Asking(client, self.concurrency, self.explain, self.wait_s, known)
            with self._progress() as progress:
                bar = progress.add_task("", total=len(self.images), failed=0)

                def take(row: Row) -> None:
                    self._take(row)
                    progress.update(bar, advance=1, failed=self.failed)

                await asking.ask(self.images, take)

    async def _begin(self, client: AsyncClient) -> Known:
        current = await client.current_model() if self.needs_model else None
        classes = (current.classes if current else None) or ()
        if not isinstance(self.results, Journal):
            self.results.start(classes)
            return lambda _: None
        if self.resume:
            assert current is not None
            self.results.resume(current.version, classes, explained=self.explain is not None)
        else:
            self.results.start(classes)
        return self.results.known

    def _take(self, row: Row) -> None:
        self.results.write(row)
        if row.succeeded:
            self.answered += 1
        else:
            self.failed += 1
            if isinstance(self.results, Journal):
                say(f"{row.file}: {row.detail} ({row.code})")

    def _count(self) -> str:
        kept = self.results.kept if isinstance(self.results, Journal) else 0
        before = f", {kept} of them from before" if kept else ""
        return f"{self.answered} answered{before}, {self.failed} failed"

    def _how_far(self) -> str:
        left = len(self.images) - self.answered - self.failed
        can_resume = isinstance(self.results, Journal)
        hint = " Run the same command with --resume to continue." if can_resume else ""
        return f"Stopped: {self._count()}, {left} not requested.{hint}"

    def _progress(self) -> Progress:
        return Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]} failed"),
            TimeRemainingColumn(),
            console=new_console(),
            transient=True,
        )


def _format_of(given: Format | None, out: Path | None, *, explained: bool) -> Format:
    if out is None:
        chosen: Format = given or ("jsonl" if explained else "table")
    else:
        chosen = given or _named(out)
        if chosen not in {"csv", "jsonl"}:
            raise typer.BadParameter("--out supports csv and jsonl only (resumable formats)")
    if explained and chosen in {"csv", "table"}:
        raise typer.BadParameter("--explain needs the format json or jsonl")
    return chosen


def _named(out: Path) -> Format:
    match out.suffix.lower():
        case ".csv":
            return "csv"
        case ".jsonl" | ".ndjson":
            return "jsonl"
        case _:
            raise typer.BadParameter(f"{out}: use the ending .csv or .jsonl, or pass --format")


def _results(chosen: Format, out: Path | None, *, resume: bool) -> Results:
    if out is None:
        return new_stream(chosen, sys.stdout)
    if out.exists() and not resume:
        raise typer.BadParameter(f"{out} already exists; use --resume to continue it")
    assert chosen in {"csv", "jsonl"}
    return Journal(out, "csv" if chosen == "csv" else "jsonl")
