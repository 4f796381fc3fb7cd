"""The root of the commands that train. Importing it loads TensorFlow; the idle service does not."""

from dataclasses import dataclass
from pathlib import Path

from shared.bundle_files import sha256_of
from shared.contracts.bundle import Manifest, PreprocessingSpec
from trainer.adapters.backbone import OpenVinoBackbone
from trainer.adapters.bundle_folder import replaced
from trainer.adapters.exporter import GraphExporter
from trainer.adapters.feature_files import FeatureFiles
from trainer.adapters.mobilenet import Weights, load_weights, random_weights
from trainer.adapters.sample_files import store_samples
from trainer.adapters.tuning import KerasTuner
from trainer.adapters.view_files import ViewFiles
from trainer.core.dataset import require_trainable
from trainer.core.keeping import keep_apart
from trainer.core.recipe import Recipe
from trainer.main.replay import add_replay, split_of
from trainer.main.source import NOTHING, Beside, open_folder
from trainer.ports import Progress
from trainer.service.bundling import Origin, write_bundle
from trainer.service.features import Features
from trainer.service.keeping import write_kept
from trainer.service.pixels import Pixels
from trainer.service.sampling import Sampling
from trainer.service.training import Training


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """Where a run reads and writes. weights None: an untrained network, to try the machinery.

    beside: further classes in folders of their own, a part of which no training sees.
    """

    images: Path
    out: Path
    weights: Path | None
    cache: Path
    recipe: Recipe
    origin: Origin
    beside: Beside = NOTHING


def train_bundle(run: TrainingRun, progress: Progress) -> Manifest:
    """Train and write the bundle; nothing is at `out` before it is whole.

    Raises UnlabelledError, TooFewError (the folder's fault) and OSError.
    """
    progress.stage("reading the folder")
    images, found = open_folder(run.images, run.beside)
    recipe = run.recipe
    dataset, kept = keep_apart(found.dataset, share=recipe.kept_share, seed=recipe.kept_seed)
    # The folder's faults are told before a network is built.
    require_trainable(dataset, patients=recipe.patients)
    weights, backbone = _backbone(run)
    size_px = recipe.size_px
    exporter = GraphExporter(weights, size_px=size_px)
    tuner = KerasTuner(weights, size_px=size_px)
    store = ViewFiles(run.cache / "views")
    training = Training(images, backbone, store, tuner, exporter, progress)
    trained = training.train(dataset, recipe, run.origin.seed)
    progress.stage("writing the bundle")
    with replaced(run.out) as folder:
        write_kept(folder, dataset, kept)
        manifest = write_bundle(folder, trained, dataset, recipe, exporter, run.origin)
        held_out = split_of(dataset, recipe)
        return add_replay(folder, manifest, images, dataset, held_out, progress)[0]


def write_samples(run: TrainingRun, progress: Progress, *, each: int) -> tuple[Path, ...]:
    """Write composites of every class into `run.out`. Raises UnlabelledError, TooFewError."""
    progress.stage("reading the folder")
    images, found = open_folder(run.images)
    pixels = Pixels(images, PreprocessingSpec(size_px=run.recipe.size_px))
    _, backbone = _backbone(run)
    features = Features(pixels, backbone, _store(run), progress)
    samples = Sampling(pixels, features, backbone, progress).make(found.dataset, each=each)
    return store_samples(samples, run.out)


def _store(run: TrainingRun) -> FeatureFiles:
    return FeatureFiles(run.cache / "features")


def _backbone(run: TrainingRun) -> tuple[Weights, OpenVinoBackbone]:
    side, seed = run.recipe.size_px, run.origin.seed
    if run.weights is None:
        weights, name = random_weights(side, seed), f"random {seed}"
    else:
        weights, name = load_weights(run.weights, side), sha256_of(run.weights)
    return weights, OpenVinoBackbone(weights, size_px=side, name=name)
