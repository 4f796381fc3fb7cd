"""`predict`: predict files, one or very many."""

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

from pneumo.async_client import AsyncClient
from pneumo.bulk.files import find_images
from pneumo.bulk.journal import Journal
from pneumo.bulk.rows import ResultRow
from pneumo.bulk.runner import BulkPredictor, KnownRows
from pneumo.cli.address import Address, address_of
from pneumo.cli.exit_codes import ExitCode
from pneumo.cli.output import new_console, print_message, report_skipped
from pneumo.cli.results import Format, Results, new_stream
from pneumo.endpoints import Explain
from pneumo.errors import PneumoError
from pneumo.model_bases import DISCLAIMER
from pneumo.retries import RetryPolicy

_PATIENT = RetryPolicy(attempts=7)
"""Bridges a restart of the gateway; an overloaded gateway sends Retry-After."""
_TIMEOUT_S = 120.0

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILES...", help="Images, folders of images, globs; quote a glob."),
]
Out = Annotated[Path | None, typer.Option(help="Write results to this file (CSV or JSON lines).")]
InFormat = Annotated[
    Format | None, typer.Option("--format", help="Default: by the ending of --out, else a table.")
]
Explained = Annotated[
    bool, typer.Option("--explain", help="Add a class activation map to each JSON row.")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue --out; predictions of the current model are kept."),
]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Maximum requests in flight.")]
Wait = Annotated[float, typer.Option(min=0.1, max=300, help="Maximum seconds per prediction.")]
SkipOthers = Annotated[
    bool,
    typer.Option("--skip-others", help="Skipped files do not affect the exit code."),
]


def predict(
    context: typer.Context,
    files: Files,
    out: Out = None,
    format: InFormat = None,  # noqa: A002  as the option
    explain: Explained = False,  # noqa: FBT002
    resume: Resume = False,  # noqa: FBT002
    concurrency: Concurrency = 32,
    wait: Wait = 30.0,
    skip_others: SkipOthers = False,  # noqa: FBT002
) -> None:
    """Predict images; results are written in the order in which they arrive.

    Exits with 0 if every image was predicted, 1 if some failed or files were skipped, 3 if the
    gateway became unreachable: the same command with --resume continues.
    """
    chosen = _format_of(format, out, explained=explain)
    if resume and out is None:
        raise typer.BadParameter("--resume needs --out, the file to continue")
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
    raise typer.Exit(ExitCode.FAILED if incomplete and ended is ExitCode.OK else ended)


@dataclass
class _Bulk:
    """One run over many files: its options and its counts."""

    address: Address
    images: Sequence[Path]
    results: Results
    explain: Explain | None
    concurrency: int
    wait_s: float
    resume: bool
    needs_model: bool
    predicted: int = 0
    failed: int = 0

    def run(self) -> ExitCode:
        """Predict all files and print a summary, also after an error; always close the results."""
        started_s = time.perf_counter()
        try:
            asyncio.run(self._predict_all())
        except (KeyboardInterrupt, PneumoError):
            print_message(self._format_stop())
            raise
        finally:
            self.results.close()
        print_message(
            f"{self._format_counts()} in {time.perf_counter() - started_s:.1f} s. {DISCLAIMER}"
        )
        return ExitCode.FAILED if self.failed else ExitCode.OK

    async def _predict_all(self) -> None:
        client = self.address.async_client(
            connections=self.concurrency, retries=_PATIENT, timeout_s=_TIMEOUT_S
        )
        async with client:
            known = await self._start_results(client)
            predictor = BulkPredictor(client, self.concurrency, self.explain, self.wait_s, known)
            with self._progress() as progress:
                bar = progress.add_task("", total=len(self.images), failed=0)

                def on_row(row: ResultRow) -> None:
                    self._write(row)
                    progress.update(bar, advance=1, failed=self.failed)

                await predictor.predict_files(self.images, on_row)

    async def _start_results(self, client: AsyncClient) -> KnownRows:
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

    def _write(self, row: ResultRow) -> None:
        self.results.write(row)
        if row.succeeded:
            self.predicted += 1
        else:
            self.failed += 1
            if isinstance(self.results, Journal):
                print_message(f"{row.file}: {row.detail} ({row.code})")

    def _format_counts(self) -> str:
        kept = self.results.kept if isinstance(self.results, Journal) else 0
        reused = f" ({kept} of them before)" if kept else ""
        return f"{self.predicted} predicted{reused}, {self.failed} failed"

    def _format_stop(self) -> str:
        left = len(self.images) - self.predicted - self.failed
        can_resume = isinstance(self.results, Journal)
        hint = " Run the same command with --resume to continue." if can_resume else ""
        return f"Stopped: {self._format_counts()}, {left} remaining.{hint}"

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
