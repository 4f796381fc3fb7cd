"""The root of the commands that look at a folder, without TensorFlow."""

from dataclasses import dataclass
from pathlib import Path

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Manifest
from trainer.adapters.image_folder import ImageFolder
from trainer.adapters.read_graph import ReadGraph
from trainer.core.dataset import Dataset
from trainer.core.splits import split_patients
from trainer.ports import Progress
from trainer.service.evaluation import Evaluation, evaluate
from trainer.service.scan import Scan, scan


@dataclass(frozen=True, slots=True)
class Checked:
    """What a folder holds, and how many of each class a split would keep for validation."""

    scan: Scan
    held_out: tuple[int, ...]


def check_folder(folder: Path, *, share: float, seed: int) -> Checked:
    """Read every picture of the folder. Raises UnlabelledError."""
    found = scan(ImageFolder(folder))
    dataset = found.dataset
    mask = split_patients(dataset.examples, share=share, seed=seed)
    labels = dataset.labels
    return Checked(
        found, tuple(int((mask & (labels == i)).sum()) for i in range(len(dataset.classes)))
    )


def evaluate_bundle(
    bundle: Path, folder: Path, progress: Progress
) -> tuple[Manifest, Dataset, Evaluation]:
    """Score a bundle on a folder. Raises BundleError, UnlabelledError, TooFewError."""
    manifest = verify_bundle(bundle)
    progress.stage("reading the folder")
    images = ImageFolder(folder)
    dataset = scan(images).dataset
    engine = ReadGraph(bundle / manifest.engine.file)
    return manifest, dataset, evaluate(manifest, engine, images, dataset, progress)
