"""What commands share: their options, and how they end where a fault lies outside of them."""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from shared.bundle_files import BundleError
from shared.insights.curves import HistoryError
from trainer.core.catalogue import CatalogueError
from trainer.core.dataset import TooFewError
from trainer.core.labelling import UnlabelledError
from trainer.core.replay import ReplayError
from trainer.main.full_packages import find_missing_packages
from trainer.main.source import Beside

_STDERR = 2

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
Also = Annotated[
    list[str] | None,
    typer.Option(metavar="CLASS=FOLDER", help="A further class, in a folder of its own; repeat."),
]
Patients = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="CSV that says whose pictures files are."),
]
Out = Annotated[Path, typer.Option(help="The folder to write; replaced as a whole.")]


def require_full_packages() -> None:
    """Raise SystemExit with one sentence if packages of full training are missing."""
    missing = find_missing_packages()
    if missing is not None:
        raise SystemExit(missing)


def import_quietly() -> None:
    """Load TensorFlow without its greetings, which no log level of its own silences.

    Raises SystemExit with one sentence if it is not installed.
    """
    require_full_packages()
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


def required_weights(path: Path | None, *, untrained: bool) -> Path | None:
    """Give the backbone's file; None only where an untrained network was asked for."""
    if path is None and not untrained:
        raise typer.BadParameter("name the backbone with --weights, or say --untrained")
    return path


def beside_of(also: Sequence[str] | None, patients: Path | None) -> Beside:
    """Read CLASS=FOLDER; every folder must be there."""
    found: dict[str, Path] = {}
    for one in also or ():
        label, _, folder = one.partition("=")
        if not label or not folder or "/" in label or not Path(folder).is_dir():
            raise typer.BadParameter(f"--also {one}: give CLASS=FOLDER, a folder that is there")
        found[label] = Path(folder)
    return Beside(found, patients)


def code_version() -> str:
    """Give the version of this package, for a model's lineage."""
    return version("pneumostream-trainer")


@contextmanager
def one_sentence() -> Iterator[None]:
    """End with 1 and one clear sentence where the fault lies outside this program."""
    try:
        yield
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        _fail(f"wrong settings: {wrong}", error)
    except KafkaError as error:
        _fail(f"Kafka cannot be reached: {error}", error)
    except (
        BundleError,
        CatalogueError,
        HistoryError,
        ReplayError,
        TooFewError,
        UnlabelledError,
        OSError,
    ) as error:
        _fail(str(error), error)


def _fail(sentence: str, cause: Exception) -> None:
    sys.stderr.write(f"trainer: {sentence}\n")
    raise typer.Exit(1) from cause
