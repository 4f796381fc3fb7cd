"""`data …`: looks at folders of labelled pictures."""

import typer
from rich.console import Console

from trainer.cli.common import Folder, Seed, Share, one_sentence

data_app = typer.Typer(help="Look at folders of labelled pictures.")


@data_app.command()
def check(folder: Folder, seed: Seed = 0, share: Share = 0.2) -> None:
    """Count classes, patients, duplicates and conflicts, and try the split."""
    console = Console()
    with one_sentence():
        from trainer.adapters.console import dataset_table  # noqa: PLC0415
        from trainer.main.folder import check_folder  # noqa: PLC0415

        checked = check_folder(folder, share=share, seed=seed)
        dataset = checked.scan.dataset
        console.print(dataset_table(dataset, checked.held_out))
        console.print(f"{len(dataset.duplicates)} duplicate files, each counted once")
        for name in dataset.conflicts:
            console.print(f"conflict: {name} also appears under another class")
        for name, reason in checked.scan.damaged:
            console.print(f"damaged: {name}: {reason}")
        console.print(f"data sha256 {dataset.sha256}")
