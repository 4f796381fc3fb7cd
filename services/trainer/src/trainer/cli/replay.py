"""`replay`: gives a bundle a memory of the pictures it was made with."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainer.adapters.rich_progress import rich_progress
from trainer.cli.common import Also, Folder, Patients, beside_of, import_quietly, one_sentence


def replay(
    bundle: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The bundle.")],
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Where the bundle with its memory is written.")],
    also: Also = None,
    patients: Patients = None,
) -> None:
    """Add replay.npz to a bundle from the folder it was made from; trains nothing."""
    console = Console()
    import_quietly()
    with one_sentence():
        from trainer.main.replay import remember_bundle  # noqa: PLC0415

        with rich_progress(console) as progress:
            manifest, kept = remember_bundle(
                bundle, folder, out, progress, beside=beside_of(also, patients)
            )
        size_mb = manifest.files["replay.npz"].size_bytes / 1e6
        console.print(
            f"Remembers {len(kept.learned)} pictures that were learned and {len(kept.held)} that "
            f"were not, {size_mb:.1f} MB. Written to {out}."
        )
