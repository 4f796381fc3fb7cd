"""`validation`: gives a bundle its answers to the validation pictures that it remembers."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainer.cli.common import one_sentence


def validation(
    bundle: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The bundle.")],
    out: Annotated[Path, typer.Option(help="Where the bundle with evaluation.json is written.")],
) -> None:
    """Add evaluation.json to a bundle, from its replay memory; needs no picture, trains nothing."""
    with one_sentence():
        from trainer.main.validation import add_evaluation  # noqa: PLC0415

        _, evaluation = add_evaluation(bundle, out)
        Console().print(
            f"Answers to {len(evaluation.labels)} validation pictures of {evaluation.patients} "
            f"patients. Written to {out}."
        )
