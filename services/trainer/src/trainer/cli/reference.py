"""`reference`: gives a bundle the histograms of its training inputs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainer.adapters.rich_progress import rich_progress
from trainer.cli.common import Also, Folder, Patients, beside_of, one_sentence


def reference(
    bundle: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The bundle.")],
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Where the bundle with its reference is written.")],
    also: Also = None,
    patients: Patients = None,
) -> None:
    """Put a reference of its inputs into a bundle's manifest, from the folder it was made from."""
    console = Console()
    with one_sentence():
        from trainer.main.reference import refer_bundle  # noqa: PLC0415

        with rich_progress(console) as progress:
            manifest = refer_bundle(bundle, folder, out, progress, beside=beside_of(also, patients))
        assert manifest.reference is not None
        counts = {name: sum(h.counts) for name, h in manifest.reference.histograms.items()}
        shown = ", ".join(f"{name} of {images}" for name, images in counts.items())
        console.print(f"Knows {shown} training pictures. Written to {out}.")
