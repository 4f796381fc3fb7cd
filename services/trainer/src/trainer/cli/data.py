"""`data …`: looks at folders of labelled pictures, and parts them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainer.adapters.rich_progress import rich_progress
from trainer.cli.common import (
    Also,
    Folder,
    Patients,
    Seed,
    Share,
    beside_of,
    one_sentence,
    require_full_packages,
)

data_app = typer.Typer(help="Look at folders of labelled pictures, and part them.")


@data_app.command()
def check(
    folder: Folder,
    seed: Seed = 0,
    share: Share = 0.2,
    also: Also = None,
    patients: Patients = None,
) -> None:
    """Count classes, patients, duplicates and conflicts, and try the split."""
    console = Console()
    with one_sentence():
        from trainer.adapters.console import dataset_table  # noqa: PLC0415
        from trainer.main.folder import check_folder  # noqa: PLC0415

        beside = beside_of(also, patients)
        checked = check_folder(folder, share=share, seed=seed, beside=beside)
        dataset = checked.scan.dataset
        console.print(dataset_table(dataset, checked.held_out))
        console.print(f"{len(dataset.duplicates)} duplicate files, each counted once")
        for name in dataset.conflicts:
            console.print(f"conflict: {name} also appears under another class")
        for name, reason in checked.scan.damaged:
            console.print(f"damaged: {name}: {reason}")
        console.print(f"data sha256 {dataset.sha256}")


@data_app.command()
def split(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="The file to write: .csv or .json.")],
    folds: Annotated[
        int | None, typer.Option(min=2, help="Folds of a cross-validation [default: a holdout].")
    ] = None,
    share: Share = 0.2,
    seed: Seed = 0,
    also: Also = None,
    patients: Patients = None,
) -> None:
    """Part a folder by patients: into training and validation, or into folds."""
    console = Console()
    with one_sentence():
        from trainer.main.folder import split_folder  # noqa: PLC0415

        beside = beside_of(also, patients)
        parts = split_folder(folder, out, folds=folds, share=share, seed=seed, beside=beside)
        for name, count in parts.items():
            console.print(f"{name}: {count} pictures")
        console.print(f"Written to {out}.")


@data_app.command()
def insights(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Where figures and summary.md go.")],
    history: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="history.json of a training, to be drawn."),
    ] = None,
    each: Annotated[int, typer.Option(min=1, max=20, help="Sample pictures a class.")] = 6,
    seed: Seed = 0,
) -> None:
    """Draw what a folder looks like, class by class, and say what it means."""
    console = Console()
    with one_sentence():
        require_full_packages()
        from trainer.main.insights import write_insights  # noqa: PLC0415

        with rich_progress(console) as progress:
            found = write_insights(folder, out, progress, history=history, each=each, seed=seed)
        for one in found:
            console.print(f"{one.title}: {one.interpretation}")
        console.print(f"Written to {out / 'summary.md'}.")


@data_app.command()
def download(
    name: Annotated[str, typer.Argument(help="A set of the catalogue [default: list them].")] = "",
    out: Annotated[Path, typer.Option(help="The folder that the file goes to.")] = Path("data"),
    url: Annotated[str, typer.Option(help="Fetch from here in place of the catalogue.")] = "",
    sha256: Annotated[str, typer.Option(help="The checksum that the file must have.")] = "",
    unpack: Annotated[  # noqa: FBT002  Typer makes a flag of it
        bool, typer.Option("--unpack", help="Unpack the ZIP file into a folder beside it.")
    ] = False,
    catalogue: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Another catalogue, TOML.")
    ] = None,
) -> None:
    """Fetch a public set, going on where an earlier try broke off, and check its checksum."""
    console = Console()
    with one_sentence():
        from trainer.adapters.console import catalogue_table  # noqa: PLC0415
        from trainer.main.download import download_set, known_sets, unpack_set  # noqa: PLC0415

        known = known_sets(catalogue)
        if not name:
            console.print(catalogue_table(known.values()))
            return
        with rich_progress(console) as progress:
            fetched = download_set(known, name, out, progress, url=url, sha256=sha256)
        console.print(f"{fetched.path}: sha256 {fetched.sha256}, {fetched.verdict}.")
        console.print(f"Licence: {fetched.entry.licence}. Source: {fetched.entry.source}")
        if unpack:
            console.print(f"Unpacked {unpack_set(fetched.path)}.")
