"""The root of a fast training: no TensorFlow, no quantiser, seconds."""

import hashlib
import shutil
from pathlib import Path

import numpy as np

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Lineage, Manifest
from trainer.adapters.bundle_folder import replaced
from trainer.adapters.feature_files import FeatureFiles
from trainer.adapters.headed_graph import read_headed
from trainer.adapters.keras_head import replace_head
from trainer.adapters.line_progress import LineProgress
from trainer.adapters.replay_file import load_replay, store_replay
from trainer.adapters.stored_images import StoredImages
from trainer.core.gate import Fidelity, Trial, judge
from trainer.core.orders import CANDIDATE, JobOrder, JobResult
from trainer.core.replay import Replay
from trainer.service.candidates import golden_error, write_candidate
from trainer.service.pixels import Pixels
from trainer.service.refitting import Current, Refitting, contestant_of

_DECODED = 4000
"""Pictures kept decoded: 200 MB."""
_DIGITS = 24


def run_fast(order: JobOrder, folder: Path, progress: LineProgress) -> JobResult:
    """Write the candidate's bundle into the job's folder, and judge it.

    Raises BundleError, ReplayError, TooFewError.
    """
    current = open_current(order)
    images = StoredImages(Path(order.images))
    pixels = Pixels(images, current.manifest.preprocessing, keep=_DECODED)
    store = FeatureFiles(_only_folder(Path(order.cache), current.graph.fingerprint))
    refitting = Refitting(pixels, store, progress)
    refitted = refitting.refit(current, order.snapshot.images, order.version)
    progress.stage("writing the bundle")
    bundle = Path(order.bundle)
    with replaced(folder / CANDIDATE) as target:
        write_candidate(
            target, bundle, current.manifest, refitted, lineage_of(order, current),
            store_replay, replace_head,
        )  # fmt: skip
    progress.evaluate()
    return judged(order, folder / CANDIDATE, current, refitted.trial, refitted.replay)


def _only_folder(cache: Path, fingerprint: str) -> Path:
    """Give the place of one graph's features, and forget those of any other."""
    place = cache / "uploads" / hashlib.sha256(fingerprint.encode()).hexdigest()[:_DIGITS]
    for other in place.parent.glob("*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)
    return place


def open_current(order: JobOrder) -> Current:
    """Open the model to start from. Raises BundleError, ReplayError."""
    bundle = Path(order.bundle)
    manifest = verify_bundle(bundle)
    graph = read_headed(bundle / manifest.engine.file)
    return Current(manifest, graph, load_replay(bundle))


def lineage_of(order: JobOrder, current: Current) -> Lineage:
    """Say where a candidate comes from."""
    return Lineage(
        data_sha256=order.snapshot.sha256,
        code_version=order.code_version,
        seed=order.job.seed,
        parent=current.manifest.version,
        trained_at_ms=order.ordered_at_ms,
    )


def judged(
    order: JobOrder, bundle: Path, current: Current, trial: Trial, replay: Replay
) -> JobResult:
    """Let the gate judge a candidate as it lies on disk. replay: the candidate's."""
    manifest = verify_bundle(bundle)
    engine = read_headed(bundle / manifest.engine.file)
    error = golden_error(bundle, engine, manifest.preprocessing)
    fidelity = fidelity_of(replay, error)
    report = judge(
        current.contestant, contestant_of(manifest), trial, fidelity, seed=order.job.seed
    )
    return JobResult(gate=report, metrics=_shown(manifest))


def fidelity_of(replay: Replay, error: float) -> Fidelity:
    """Put the float parent's answers beside those of the int8 graph, for what both remember."""
    place = {name: row for row, name in enumerate(replay.held.pictures.tolist())}
    both = [row for row, name in enumerate(replay.parent.pictures.tolist()) if name in place]
    parent = replay.parent.take(np.array(both, np.int64))
    rows = np.array([place[name] for name in parent.pictures.tolist()], np.int64)
    return Fidelity(parent.labels, parent.logits, replay.held.logits[rows], error)


def _shown(manifest: Manifest) -> dict[str, float]:
    """Choose what a job shows of its candidate; the rest is in the manifest."""
    names = ("class_accuracy_at_rule", "sensitivity", "specificity", "ece")
    clean = {f"validation_clean_{name}" for name in names}
    return {
        name: value
        for name, value in manifest.metrics.items()
        if name in clean or name.startswith(("uploads_", "replay_"))
    }
