"""`evaluate`: a bundle meets a folder that it was not made from."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainer.adapters.rich_progress import rich_progress
from trainer.cli.common import (
    Also,
    Folder,
    Patients,
    beside_of,
    import_quietly,
    one_sentence,
)
from trainer.main.source import Beside


def evaluate(
    bundle: Annotated[Path, typer.Argument(exists=True)],
    folder: Folder,
    docs: Annotated[Path, typer.Option(help="Where evaluation.md and .json go.")] = Path(
        "docs/model"
    ),
    note: Annotated[str, typer.Option(help="A sentence on how often the folder was met.")] = "",
    full: Annotated[  # noqa: FBT002  Typer makes a flag of it
        bool, typer.Option("--full", help="Write report.md, report.json and plots as well.")
    ] = False,
    train: Annotated[
        Path | None,
        typer.Option(exists=True, help="The folder learned from: --full measures the shift."),
    ] = None,
    also: Also = None,
    patients: Patients = None,
    on_card: Annotated[  # noqa: FBT002  Typer makes a flag of it
        bool, typer.Option("--on-card", help="Put the figures on the bundle's card as well.")
    ] = False,
) -> None:
    """Score a bundle, as served, on a folder that it was not made from."""
    console = Console()
    with one_sentence():
        from trainer.adapters.console import evaluation_tables  # noqa: PLC0415
        from trainer.main.folder import evaluate_bundle, keep_report  # noqa: PLC0415

        beside = beside_of(also, patients)
        with rich_progress(console) as progress:
            evaluated = evaluate_bundle(bundle, folder, progress, note=note, beside=beside)
        keep_report(bundle, evaluated, docs=docs, on_card=on_card)
        if full:
            _write_full(console, bundle, folder, docs, train, note, beside)
        console.print(f"{evaluated.manifest.name} {evaluated.manifest.version} on {folder}")
        for table in evaluation_tables(evaluated.dataset, evaluated.evaluation):
            console.print(table)


def _write_full(
    console: Console,
    bundle: Path,
    folder: Path,
    docs: Path,
    train: Path | None,
    note: str,
    beside: Beside,
) -> None:
    import_quietly()
    from trainer.main.report import report_on, write_full_report  # noqa: PLC0415

    with rich_progress(console) as progress:
        report = report_on(bundle, folder, progress, train=train, note=note, beside=beside)
    write_full_report(report, docs)
    console.print(f"Written to {docs / 'report.md'}.")
