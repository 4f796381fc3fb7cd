"""The root of a full training: the current model's recipe over a folder and the uploads."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from shared.bundle_files import sha256_of
from shared.contracts.bundle import Manifest
from trainer.adapters.backbone import OpenVinoBackbone
from trainer.adapters.bundle_folder import replaced
from trainer.adapters.exporter import GraphExporter
from trainer.adapters.headed_graph import read_headed
from trainer.adapters.image_folder import ImageFolder
from trainer.adapters.line_progress import LineProgress
from trainer.adapters.merged_images import MergedImages
from trainer.adapters.mobilenet import load_weights
from trainer.adapters.stored_images import StoredImages
from trainer.adapters.tuning import KerasTuner
from trainer.adapters.view_files import ViewFiles
from trainer.core.arrays import Floats
from trainer.core.dataset import Example, require_trainable
from trainer.core.gate import Trial
from trainer.core.keeping import without
from trainer.core.orders import CANDIDATE, JobError, JobOrder, JobResult
from trainer.core.recipe import Recipe
from trainer.core.replay import Replay
from trainer.core.stored_recipe import read_recipe
from trainer.core.views import CLEAN
from trainer.main.fast import judged, open_current
from trainer.main.replay import add_replay
from trainer.ports import Images, InferenceGraph
from trainer.service.bundling import RECIPE_FILE, Origin, write_bundle
from trainer.service.keeping import read_kept
from trainer.service.merging import Merged, merge
from trainer.service.pixels import Pixels
from trainer.service.refitting import Current
from trainer.service.scan import scan
from trainer.service.training import Training

_NOTHING_TO_JUDGE = "The folder holds no picture that the current model remembers as held out."
_KEY_DIGITS = 24


def run_full(order: JobOrder, folder: Path, progress: LineProgress) -> JobResult:
    """Write the candidate's bundle into the job's folder, and judge it; the order is configured.

    Raises JobError, TooFewError, UnlabelledError, BundleError, ReplayError.
    """
    assert order.data is not None
    assert order.weights is not None
    current = open_current(order)
    recipe = read_recipe(json.loads((Path(order.bundle) / RECIPE_FILE).read_text()))
    progress.stage("reading the folder")
    pictures = ImageFolder(Path(order.data))
    found = without(scan(pictures).dataset, read_kept(Path(order.bundle)) or frozenset())
    reference = current.manifest.decision.reference_class
    merged = merge(found, order.snapshot.images, current.replay, reference, recipe)
    if not merged.remembered:
        raise JobError(_NOTHING_TO_JUDGE)
    require_trainable(merged.dataset, patients=recipe.patients)
    images = MergedImages(pictures, StoredImages(Path(order.images)))
    replay = _train(order, Path(order.weights), folder, current, merged, images, recipe, progress)
    progress.evaluate()
    bundle = folder / CANDIDATE
    return judged(order, bundle, current, _trial(bundle, current, merged, images), replay)


def _train(
    order: JobOrder,
    weights_path: Path,
    folder: Path,
    current: Current,
    merged: Merged,
    images: Images,
    recipe: Recipe,
    progress: LineProgress,
) -> Replay:
    """Write the bundle, with its memory."""
    size_px, dataset = recipe.size_px, merged.dataset
    weights = load_weights(weights_path, size_px)
    backbone = OpenVinoBackbone(weights, size_px=size_px, name=sha256_of(weights_path))
    exporter = GraphExporter(weights, size_px=size_px)
    store = ViewFiles(_views(Path(order.cache), dataset.sha256))
    tuner = KerasTuner(weights, size_px=size_px)
    training = Training(images, backbone, store, tuner, exporter, progress)
    trained = training.train(dataset, recipe, order.job.seed, merged.held_out)
    origin = Origin(
        current.manifest.name,
        order.version,
        order.code_version,
        order.job.seed,
        order.ordered_at_ms,
    )
    progress.stage("writing the bundle")
    with replaced(folder / CANDIDATE) as target:
        manifest = write_bundle(target, trained, dataset, recipe, exporter, origin)
        for name in current.manifest.files:
            if not (target / name).exists() and name.endswith(".json"):
                shutil.copyfile(Path(order.bundle) / name, target / name)  # what was kept stays so
        told = _with_parent(manifest, current)
        uploads = order.snapshot.images
        lessons = current.replay.met(
            np.array([image.sha256 for image in uploads]), [image.label for image in uploads]
        )
        return add_replay(
            target, told, images, dataset, merged.held_out, progress, lessons=lessons
        )[1]


def _views(cache: Path, key: str) -> Path:
    """Give where one data set's views lie, gigabytes, and forget those of any other."""
    place = cache / "full" / hashlib.sha256(key.encode()).hexdigest()[:_KEY_DIGITS]
    for other in place.parent.glob("*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)
    return place


def _with_parent(manifest: Manifest, current: Current) -> Manifest:
    lineage = manifest.lineage.model_copy(update={"parent": current.manifest.version})
    return manifest.model_copy(update={"lineage": lineage})


def _trial(bundle: Path, current: Current, merged: Merged, images: Images) -> Trial:
    """Show both graphs the pictures that neither was fitted to."""
    examples = (*merged.remembered, *merged.held_back)
    pixels = Pixels(images, current.manifest.preprocessing)
    uploaded = np.arange(len(examples)) >= len(merged.remembered)
    pictures = np.array([example.sha256 for example in examples])
    labels = [merged.dataset.classes[example.label] for example in examples]
    known = current.replay.knows(pictures, labels)
    candidate = read_headed(bundle / current.manifest.engine.file)
    return Trial(
        np.array([example.label for example in examples], np.int64),
        np.array([example.patient for example in examples]),
        uploaded,
        uploaded & ~known,
        _ask(current.graph, pixels, examples),
        _ask(candidate, pixels, examples),
    )


def _ask(graph: InferenceGraph, pixels: Pixels, examples: tuple[Example, ...]) -> Floats:
    batches = pixels.batches(examples, CLEAN)
    return np.concatenate([logits for (logits,) in graph.ask(batches, "logits")])
