"""Stage: a refitted head becomes a bundle beside its parent's, and shows that it reads back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from shared.bundle_files import BundleError
from shared.contracts.bundle import (
    GOLDENS_FILE,
    Calibration,
    DecisionRule,
    Lineage,
    Manifest,
    PreprocessingSpec,
)
from shared.preprocessing import normalise
from trainer.core.card import card_text, refitted_card
from trainer.core.heads import LinearHead
from trainer.core.probabilities import softmax
from trainer.core.replay import REPLAY_FILE, Replay
from trainer.core.validated import evaluation_of
from trainer.ports import InferenceGraph
from trainer.service.bundling import (
    CARD_FILE,
    CARD_TEXT_FILE,
    PARENT_FILE,
    write_evaluation,
    write_goldens,
    write_manifest,
)
from trainer.service.refitting import Refitted

ReplaceHead = Callable[[Path, Path, LinearHead], None]
"""Writes the float parent at the first path to the second, with another head."""
StoreReplay = Callable[[Path, Replay], None]

_SAME_INPUTS = 1e-4
_DIGITS = 5


def write_candidate(
    folder: Path,
    parent: Path,
    manifest: Manifest,
    refitted: Refitted,
    lineage: Lineage,
    store_replay: StoreReplay,
    replace_head: ReplaceHead,
) -> Manifest:
    """Write a whole bundle into an empty folder. manifest: of the parent, which is only read."""
    written = {manifest.engine.file, PARENT_FILE, GOLDENS_FILE, REPLAY_FILE}
    for name in manifest.files:
        if name not in {*written, CARD_FILE, CARD_TEXT_FILE, _weights_of(manifest)}:
            shutil.copyfile(parent / name, folder / name)
    refitted.graph.save(folder / manifest.engine.file)
    if PARENT_FILE in manifest.files:
        replace_head(parent / PARENT_FILE, folder / PARENT_FILE, refitted.graph.head)
    write_goldens(folder / GOLDENS_FILE, refitted.graph, manifest.preprocessing)
    store_replay(folder, refitted.replay)
    write_evaluation(folder, evaluation_of(refitted.replay.held, refitted.contestant))
    told = _manifest(manifest, refitted, lineage)
    _write_card(folder, parent, told, refitted)
    return write_manifest(folder, told)


def _weights_of(manifest: Manifest) -> str:
    return Path(manifest.engine.file).with_suffix(".bin").name


def _manifest(parent: Manifest, refitted: Refitted, lineage: Lineage) -> Manifest:
    contestant = refitted.contestant
    calibrated = contestant.calibrated
    metrics = {name: round(value, _DIGITS) for name, value in sorted(refitted.metrics.items())}
    return parent.model_copy(
        update={
            "version": contestant.version,
            "classes": contestant.classes,
            "calibration": Calibration(temperature=calibrated.temperature, bias=calibrated.bias),
            "decision": DecisionRule(
                reference_class=parent.decision.reference_class,
                threshold=contestant.rule.threshold,
            ),
            "lineage": lineage,
            "metrics": metrics,
        }
    )


def _write_card(folder: Path, parent: Path, manifest: Manifest, refitted: Refitted) -> None:
    if not (parent / CARD_FILE).exists():
        return
    card = refitted_card(json.loads((parent / CARD_FILE).read_text()), manifest, refitted.learned)
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n")
    (folder / CARD_TEXT_FILE).write_text(card_text(card))


def golden_error(bundle: Path, engine: InferenceGraph, spec: PreprocessingSpec) -> float:
    """Give how far a graph's probabilities lie from a bundle's goldens, at the most.

    1 where preprocessing does not give the golden inputs. Raises BundleError without goldens.
    """
    try:
        with np.load(bundle / GOLDENS_FILE, allow_pickle=False) as goldens:
            images, inputs, logits = (goldens[name] for name in ("images", "inputs", "logits"))
    except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
        raise BundleError(f"the goldens cannot be read: {error}") from error
    again = np.stack([normalise(image, spec) for image in images])
    if np.abs(again - inputs).max() > _SAME_INPUTS:
        return 1.0
    answers = np.concatenate([one for (one,) in engine.ask((x[None] for x in inputs), "logits")])
    return float(np.abs(softmax(answers) - softmax(logits)).max())
