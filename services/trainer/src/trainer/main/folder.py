"""The root of the commands that look at a folder, without TensorFlow."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Manifest
from shared.domain_guard import load_domain_guard
from trainer.adapters.read_graph import ReadGraph
from trainer.adapters.split_files import store_split
from trainer.core.dataset import Dataset
from trainer.core.keeping import in_order_of, only_kept
from trainer.core.splits import fold_patients, split_patients
from trainer.main.source import NOTHING, Beside, open_folder
from trainer.ports import Images, Progress
from trainer.service.evaluation import EvaluationResult, evaluate
from trainer.service.keeping import read_kept
from trainer.service.reporting import record_in_card, report_of, write_report
from trainer.service.scan import Scan


@dataclass(frozen=True, slots=True)
class Checked:
    """What a folder holds, and how many of each class a split would keep for validation."""

    scan: Scan
    held_out: tuple[int, ...]


def check_folder(folder: Path, *, share: float, seed: int, beside: Beside = NOTHING) -> Checked:
    """Read every picture of the folder. Raises UnlabelledError."""
    _, found = open_folder(folder, beside)
    dataset = found.dataset
    mask = split_patients(dataset.examples, share=share, seed=seed)
    labels = dataset.labels
    return Checked(
        found, tuple(int((mask & (labels == i)).sum()) for i in range(len(dataset.classes)))
    )


def split_folder(
    folder: Path,
    out: Path,
    *,
    folds: int | None,
    share: float,
    seed: int,
    beside: Beside = NOTHING,
) -> dict[str, int]:
    """Write which picture lies in which part, and give the parts' sizes; folds None: a holdout.

    Raises UnlabelledError, TooFewError, OSError.
    """
    dataset = open_folder(folder, beside)[1].dataset
    if folds is None:
        mask = split_patients(dataset.examples, share=share, seed=seed)
        parts = ["validation" if held_out else "train" for held_out in mask.tolist()]
    else:
        places = fold_patients(dataset.examples, folds=folds, seed=seed)
        parts = [f"fold {place}" for place in places.tolist()]
    store_split(dataset, parts, out)
    return dict(sorted(Counter(parts).items()))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A bundle, the folder it met, what it scored there, and the report of it."""

    manifest: Manifest
    dataset: Dataset
    evaluation: EvaluationResult
    report: dict[str, Any]


def evaluate_bundle(
    bundle: Path, folder: Path, progress: Progress, *, note: str = "", beside: Beside = NOTHING
) -> Evaluated:
    """Score a bundle on a folder. Raises BundleError, UnlabelledError, TooFewError."""
    manifest = verify_bundle(bundle)
    progress.stage("reading the folder")
    images, dataset = unseen(bundle, manifest, folder, beside)
    engine = ReadGraph(bundle / manifest.engine.file)
    guard = load_domain_guard(bundle / manifest.domain.file) if manifest.domain else None
    evaluation = evaluate(manifest, engine, guard, images, dataset, progress)
    report = report_of(manifest, dataset, evaluation, note)
    return Evaluated(manifest, dataset, evaluation, report)


def unseen(
    bundle: Path, manifest: Manifest, folder: Path, beside: Beside
) -> tuple[Images, Dataset]:
    """Open what a bundle is judged on: of further classes only what its training did not see.

    Raises UnlabelledError, TooFewError, OSError.
    """
    images, found = open_folder(folder, beside)
    kept = read_kept(bundle)
    dataset = found.dataset if kept is None else only_kept(found.dataset, kept)
    return images, in_order_of(dataset, manifest.classes)


def keep_report(bundle: Path, evaluated: Evaluated, *, docs: Path, on_card: bool) -> None:
    """Write the report into `docs` and, if asked, onto the bundle's card."""
    write_report(docs, evaluated.report)
    if on_card:
        record_in_card(bundle, evaluated.report)
