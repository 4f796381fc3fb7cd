"""`train` and `samples`: what is made of a folder with TensorFlow."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.clock import SystemClock
from trainer.adapters.rich_progress import rich_progress
from trainer.cli.common import (
    Also,
    Cache,
    Folder,
    Out,
    Patients,
    Seed,
    Untrained,
    Weights,
    beside_of,
    code_version,
    import_quietly,
    one_sentence,
    required_weights,
)
from trainer.settings import Settings

_MEMORY_GIB = 3.5
"""Resident at the most, measured with 5,200 pictures."""


def train(
    folder: Folder,
    out: Out = Path("models/baseline"),
    weights: Weights = None,
    untrained: Untrained = False,  # noqa: FBT002  Typer makes a flag of it
    seed: Seed = 0,
    size_px: Annotated[int, typer.Option(min=32, help="Side of the network's input.")] = 224,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "pneumonia",
    model_version: Annotated[
        str | None, typer.Option(help="Version of the model [default: the time, UTC].")
    ] = None,
    cache: Cache = None,
    also: Also = None,
    patients: Patients = None,
    keep: Annotated[
        float, typer.Option(min=0, max=0.9, help="Part of every --also class kept for evaluation.")
    ] = 0.3,
) -> None:
    """Train a bundle from a folder; an interrupted run continues where its caches end."""
    console = Console()
    import_quietly()
    with one_sentence():
        from trainer.adapters.console import manifest_table  # noqa: PLC0415
        from trainer.core.recipe import Recipe  # noqa: PLC0415
        from trainer.main.training import TrainingRun, train_bundle  # noqa: PLC0415
        from trainer.service.bundling import Origin  # noqa: PLC0415

        now_ms = SystemClock().now_ms()
        stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y.%m.%d-%H%M%S")
        origin = Origin(name, model_version or stamp, code_version(), seed, now_ms)
        run = TrainingRun(
            images=folder,
            out=out,
            weights=required_weights(weights, untrained=untrained),
            cache=cache or Settings().cache_dir,
            recipe=Recipe(size_px=size_px, kept_share=keep),
            origin=origin,
            beside=beside_of(also, patients),
        )
        console.print(f"Needs about {_MEMORY_GIB} GiB of memory; features go to {run.cache}.")
        with rich_progress(console) as progress:
            manifest = train_bundle(run, progress)
        console.print(manifest_table(manifest))
        console.print(f"Written to {out}.")


def samples(
    folder: Folder,
    out: Out = Path("samples"),
    weights: Weights = None,
    untrained: Untrained = False,  # noqa: FBT002  Typer makes a flag of it
    each: Annotated[int, typer.Option(min=1, help="Composites a class.")] = 2,
    size_px: Annotated[int, typer.Option(min=32, help="Side of the pictures averaged.")] = 224,
    cache: Cache = None,
) -> None:
    """Make composites of every class: means of many radiographs, no patient's picture."""
    console = Console()
    import_quietly()
    with one_sentence():
        from trainer.core.recipe import Recipe  # noqa: PLC0415
        from trainer.main.training import TrainingRun, write_samples  # noqa: PLC0415
        from trainer.service.bundling import Origin  # noqa: PLC0415

        run = TrainingRun(
            images=folder,
            out=out,
            weights=required_weights(weights, untrained=untrained),
            cache=cache or Settings().cache_dir,
            recipe=Recipe(size_px=size_px),
            origin=Origin("samples", "0", code_version(), 0, 0),
        )
        with rich_progress(console) as progress:
            paths = write_samples(run, progress, each=each)
        for path in paths:
            console.print(str(path))
