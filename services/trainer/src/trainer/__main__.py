"""PneumoStream's trainer: the service, and the commands that train and look at data.

TensorFlow, OpenVINO and scikit-learn are imported by the commands that use them, so that the
idle service stays small.
"""

import functools
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError
from rich.console import Console

from shared.bundle_files import BundleError
from shared.clock import SystemClock
from shared.observability.logs import configure_logs
from shared.observability.process import run_service
from trainer.adapters.rich_progress import rich_progress
from trainer.core.dataset import TooFewError
from trainer.core.labelling import UnlabelledError
from trainer.main.serving import serve_trainer
from trainer.settings import Settings

_HELP = "PneumoStream's trainer: the service, and the commands that train and look at data."
_STDERR = 2
_MEMORY_GIB = 3.5
"""Resident at the most, measured with 5,200 pictures."""

app = typer.Typer(help=_HELP, pretty_exceptions_enable=False, add_completion=False)
inspect_app = typer.Typer(help="Look at folders of labelled pictures.")
app.add_typer(inspect_app, name="data")

Folder = Annotated[
    Path, typer.Argument(exists=True, file_okay=False, help="A folder of labelled pictures.")
]
Weights = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Keras MobileNetV2 weights, without top."),
]
Untrained = Annotated[
    bool, typer.Option("--untrained", help="A random network, to try the machinery.")
]
Seed = Annotated[int, typer.Option(min=0, help="Same data and seed, same model.")]
Share = Annotated[float, typer.Option(min=0.01, max=0.5, help="Part kept for validation.")]
Cache = Annotated[
    Path | None, typer.Option(help="Where features are kept [default: PNEUMO_TRAINER_CACHE_DIR].")
]
Out = Annotated[Path, typer.Option(help="The folder to write; replaced as a whole.")]


@app.callback(invoke_without_command=True)
def choose(context: typer.Context) -> None:
    """Serve where no command is named: that is how the stack starts every service."""
    if context.invoked_subcommand is None:
        serve()


@app.command()
def serve() -> None:
    """Answer training commands from Kafka until asked to stop."""
    with _one_sentence():
        settings = Settings()
        configure_logs("trainer", level=settings.log_level)
        run_service(functools.partial(serve_trainer, settings))


@app.command()
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
) -> None:
    """Train a bundle from a folder; an interrupted run continues where its caches end."""
    console = Console()
    _import_quietly()
    with _one_sentence():
        from trainer.adapters.console import manifest_table  # noqa: PLC0415
        from trainer.core.recipe import Recipe  # noqa: PLC0415
        from trainer.main.training import TrainingRun, train_bundle  # noqa: PLC0415
        from trainer.service.bundling import Origin  # noqa: PLC0415

        now_ms = SystemClock().now_ms()
        stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y.%m.%d-%H%M%S")
        origin = Origin(name, model_version or stamp, _code_version(), seed, now_ms)
        run = TrainingRun(
            images=folder,
            out=out,
            weights=_weights(weights, untrained=untrained),
            cache=cache or Settings().cache_dir,
            recipe=Recipe(size_px=size_px),
            origin=origin,
        )
        console.print(f"Needs about {_MEMORY_GIB} GiB of memory; features go to {run.cache}.")
        with rich_progress(console) as progress:
            manifest = train_bundle(run, progress)
        console.print(manifest_table(manifest))
        console.print(f"Written to {out}.")


@app.command()
def evaluate(
    bundle: Annotated[Path, typer.Argument(exists=True)],
    folder: Folder,
    docs: Annotated[Path, typer.Option(help="Where evaluation.md and .json go.")] = Path(
        "docs/model"
    ),
    note: Annotated[str, typer.Option(help="A sentence on how often the folder was met.")] = "",
    on_card: Annotated[  # noqa: FBT002  Typer makes a flag of it
        bool, typer.Option("--on-card", help="Put the figures on the bundle's card as well.")
    ] = False,
) -> None:
    """Score a bundle, as served, on a folder that it was not made from."""
    console = Console()
    with _one_sentence():
        from trainer.adapters.console import evaluation_tables  # noqa: PLC0415
        from trainer.main.folder import evaluate_bundle, keep_report  # noqa: PLC0415

        with rich_progress(console) as progress:
            evaluated = evaluate_bundle(bundle, folder, progress, note=note)
        keep_report(bundle, evaluated, docs=docs, on_card=on_card)
        console.print(f"{evaluated.manifest.name} {evaluated.manifest.version} on {folder}")
        for table in evaluation_tables(evaluated.dataset, evaluated.evaluation):
            console.print(table)


@app.command()
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
    _import_quietly()
    with _one_sentence():
        from trainer.core.recipe import Recipe  # noqa: PLC0415
        from trainer.main.training import TrainingRun, write_samples  # noqa: PLC0415
        from trainer.service.bundling import Origin  # noqa: PLC0415

        run = TrainingRun(
            images=folder,
            out=out,
            weights=_weights(weights, untrained=untrained),
            cache=cache or Settings().cache_dir,
            recipe=Recipe(size_px=size_px),
            origin=Origin("samples", "0", _code_version(), 0, 0),
        )
        with rich_progress(console) as progress:
            paths = write_samples(run, progress, each=each)
        for path in paths:
            console.print(str(path))


@inspect_app.command()
def check(folder: Folder, seed: Seed = 0, share: Share = 0.2) -> None:
    """Count classes, patients, duplicates and conflicts, and try the split."""
    console = Console()
    with _one_sentence():
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


def pneumo_train() -> None:
    """`pneumo-train FOLDER`: the train command by itself."""
    typer.run(train)


def _import_quietly() -> None:
    """Load TensorFlow without its greetings, which no log level of its own silences."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    stderr = os.dup(_STDERR)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), _STDERR)
        try:
            importlib.import_module("trainer.main.training")
        finally:
            os.dup2(stderr, _STDERR)
            os.close(stderr)


def _weights(path: Path | None, *, untrained: bool) -> Path | None:
    if path is None and not untrained:
        raise typer.BadParameter("name the backbone with --weights, or say --untrained")
    return path


def _code_version() -> str:
    return version("pneumostream-trainer")


@contextmanager
def _one_sentence() -> Iterator[None]:
    """End with 1 and one clear sentence where the fault lies outside this program."""
    try:
        yield
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        _fail(f"wrong settings: {wrong}", error)
    except KafkaError as error:
        _fail(f"Kafka cannot be reached: {error}", error)
    except (BundleError, TooFewError, UnlabelledError, OSError) as error:
        _fail(str(error), error)


def _fail(sentence: str, cause: Exception) -> None:
    sys.stderr.write(f"trainer: {sentence}\n")
    raise typer.Exit(1) from cause


if __name__ == "__main__":
    app()
