"""`evaluate`: a bundle meets a folder that it was not made from."""

from collections.abc import Sequence
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
    bundles: Annotated[
        list[Path], typer.Argument(exists=True, help="One, or several to compare by the median.")
    ],
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
    strangers: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="No chests, a folder a kind, for --full."),
    ] = None,
    also: Also = None,
    patients: Patients = None,
    on_card: Annotated[  # noqa: FBT002  Typer makes a flag of it
        bool, typer.Option("--on-card", help="Put the figures on the bundle's card as well.")
    ] = False,
) -> None:
    """Score a bundle, as served, on a folder that it was not made from."""
    if len(bundles) > 1 and (full or on_card):
        raise typer.BadParameter("--full and --on-card describe one bundle")
    console, bundle = Console(), bundles[0]
    with one_sentence():
        from trainer.adapters.console import evaluation_tables  # noqa: PLC0415
        from trainer.main.folder import evaluate_bundle, keep_report  # noqa: PLC0415

        beside = beside_of(also, patients)
        if len(bundles) > 1:
            _compare(console, bundles, folder, beside, docs, note)
            return
        with rich_progress(console) as progress:
            evaluated = evaluate_bundle(bundle, folder, progress, note=note, beside=beside)
        keep_report(bundle, evaluated, docs=docs, on_card=on_card)
        if full:
            import_quietly()
            from trainer.main.report import report_on, write_full_report  # noqa: PLC0415

            with rich_progress(console) as progress:
                report = report_on(
                    bundle,
                    folder,
                    progress,
                    train=train,
                    note=note,
                    beside=beside,
                    strangers=strangers,
                )
            write_full_report(report, docs)
            console.print(f"Written to {docs / 'report.md'}.")
        console.print(f"{evaluated.manifest.name} {evaluated.manifest.version} on {folder}")
        for table in evaluation_tables(evaluated.dataset, evaluated.evaluation):
            console.print(table)


def _compare(
    console: Console,
    bundles: Sequence[Path],
    folder: Path,
    beside: Beside,
    docs: Path,
    note: str,
) -> None:
    from trainer.adapters.console import summary_table  # noqa: PLC0415
    from trainer.main.folder import evaluate_bundle  # noqa: PLC0415
    from trainer.main.seeds import write_summary  # noqa: PLC0415

    found = []
    for bundle in bundles:
        with rich_progress(console) as progress:
            found.append(evaluate_bundle(bundle, folder, progress, beside=beside))
    rows = write_summary(found, docs, note)
    console.print(summary_table(rows))
    console.print(f"Written to {docs / 'seeds.md'}.")
