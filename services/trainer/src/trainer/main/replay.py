"""The root of the replay memory: added to a bundle, its weights untouched. Loads TensorFlow."""

from dataclasses import replace
from pathlib import Path

import keras

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Manifest
from trainer.adapters.bundle_folder import replaced
from trainer.adapters.conversion import to_openvino
from trainer.adapters.headed_graph import HeadedGraph, read_headed
from trainer.adapters.replay_file import store_replay
from trainer.core.arrays import Mask
from trainer.core.dataset import Dataset
from trainer.core.recipe import Recipe
from trainer.core.replay import Lessons, Replay, ReplayLimits
from trainer.core.splits import split_patients
from trainer.core.validated import evaluation_of
from trainer.main.reopened import reopen
from trainer.main.source import NOTHING, Beside
from trainer.ports import Images, Progress
from trainer.service.bundling import PARENT_FILE, write_evaluation, write_manifest
from trainer.service.pixels import Pixels
from trainer.service.refitting import contestant_of
from trainer.service.remembering import Remembering


def remember_bundle(
    bundle: Path, folder: Path, out: Path, progress: Progress, *, beside: Beside = NOTHING
) -> tuple[Manifest, Replay]:
    """Write the bundle with a memory of the folder it was made from to `out`; may be itself.

    The split into training and validation is made again as the recipe in the bundle made it.
    Raises BundleError, UnlabelledError, OSError; ReplayError if it was made from other pictures.
    """
    manifest = verify_bundle(bundle)
    progress.stage("reading the folder")
    opened = reopen(bundle, manifest, folder, beside)
    held_out = opened.held_out
    kept = int(held_out.sum())
    progress.expect(ReplayLimits().rows(len(held_out) - kept, kept))
    with replaced(out) as target:
        for name in manifest.files:
            (target / name).write_bytes((bundle / name).read_bytes())
        return add_replay(target, manifest, opened.images, opened.dataset, held_out, progress)


def add_replay(
    bundle: Path,
    manifest: Manifest,
    images: Images,
    dataset: Dataset,
    held_out: Mask,
    progress: Progress,
    *,
    lessons: Lessons | None = None,
) -> tuple[Manifest, Replay]:
    """Add the memory, and what validation said, to a bundle's folder; hash its files anew.

    lessons: uploads it has met.
    """
    served = read_headed(bundle / manifest.engine.file)
    parent = HeadedGraph(to_openvino(keras.models.load_model(bundle / PARENT_FILE, compile=False)))
    pixels = Pixels(images, manifest.preprocessing)
    replay = Remembering(pixels, served, parent, progress).remember(
        dataset, held_out, ReplayLimits()
    )
    if lessons is not None:
        replay = replace(replay, lessons=lessons)
    store_replay(bundle, replay)
    write_evaluation(bundle, evaluation_of(replay.held, contestant_of(manifest)))
    return write_manifest(bundle, manifest), replay


def split_of(dataset: Dataset, recipe: Recipe) -> Mask:
    """Mark what a training of this recipe keeps for validation, bool [N]."""
    share, seed = recipe.validation_share, recipe.split_seed
    return split_patients(dataset.examples, share=share, seed=seed)
