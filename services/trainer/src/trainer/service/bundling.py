"""Stage: a trained model becomes a folder that explains and hashes itself."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from shared.bundle_files import sha256_of
from shared.contracts.bundle import (
    GOLDENS_FILE,
    MANIFEST_FILE,
    Calibration,
    DecisionRule,
    DomainCheck,
    EngineSpec,
    FileEntry,
    InputReference,
    Lineage,
    Manifest,
    PreprocessingSpec,
)
from shared.contracts.evaluation import EVALUATION_FILE, Evaluation
from shared.domain_guard import DomainGuard
from shared.preprocessing import normalise
from trainer.core.arrays import Kernels
from trainer.core.card import card_of, card_text
from trainer.core.dataset import Dataset
from trainer.core.figures import ThresholdRule
from trainer.core.history import history_json
from trainer.core.phantoms import golden_images
from trainer.core.probabilities import Calibrated
from trainer.core.recipe import Recipe
from trainer.ports import Exporter, InferenceGraph
from trainer.service.training import Trained

_ENGINE_FILE = "model.xml"
PARENT_FILE = "model.keras"
"""The float model that the served graph was rounded from."""
RECIPE_FILE = "recipe.json"
HISTORY_FILE = "history.json"
"""How training went; `data insights --history` draws it."""
CARD_TEXT_FILE = "card.md"
CARD_FILE = "card.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when a bundle was made; everything that the data and the seed do not say."""

    name: str
    version: str
    code_version: str
    seed: int
    trained_at_ms: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bundle says beside its graphs."""

    calibrated: Calibrated
    rule: ThresholdRule
    metrics: dict[str, float]
    dataset: Dataset
    spec: PreprocessingSpec
    reference: InputReference


def write_bundle(
    folder: Path,
    trained: Trained,
    dataset: Dataset,
    recipe: Recipe,
    exporter: Exporter,
    origin: Origin,
) -> Manifest:
    """Write every file of the bundle into an empty folder, the manifest last."""
    trained.served.save(folder / _ENGINE_FILE)
    _write_parent(folder, exporter, trained.tuned.kernels)
    if trained.tuned.epochs:
        history = history_json(trained.tuned.epochs)
        (folder / HISTORY_FILE).write_text(json.dumps(history, indent=1) + "\n")
    write_guard(folder, trained.guard)
    decided, spec = trained.decided, PreprocessingSpec(size_px=recipe.size_px)
    contents = Contents(
        decided.calibrated, decided.rule, trained.metrics, dataset, spec, trained.reference
    )
    return finish_bundle(folder, trained.served, contents, recipe, origin)


def _write_parent(folder: Path, exporter: Exporter, tuned: Kernels) -> None:
    exporter.save_parent(tuned, folder / PARENT_FILE)


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write what the model said of validation; the manifest is to be written after it."""
    (folder / EVALUATION_FILE).write_text(evaluation.model_dump_json() + "\n")


def write_guard(folder: Path, guard: DomainGuard) -> None:
    """Write the domain guard under the name that the manifest gives it."""
    guard.store(folder / DomainCheck().file)


def finish_bundle(
    folder: Path, graph: InferenceGraph, contents: Contents, recipe: Recipe, origin: Origin
) -> Manifest:
    """Add goldens, recipe, card and manifest to the graphs and the guard."""
    write_goldens(folder / GOLDENS_FILE, graph, contents.spec)
    (folder / RECIPE_FILE).write_text(json.dumps(asdict(recipe), indent=2) + "\n")
    manifest = _manifest(folder, contents, origin)
    card = card_of(manifest, contents.dataset)
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n")
    (folder / CARD_TEXT_FILE).write_text(card_text(card))
    return write_manifest(folder, manifest)


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Hash every file of the folder anew and write the manifest."""
    manifest = manifest.model_copy(update={"files": _entries(folder)})
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest


def write_goldens(path: Path, graph: InferenceGraph, spec: PreprocessingSpec) -> None:
    """Write drawn pictures with what the graph answers to them."""
    images = golden_images(spec.size_px, seed=0)
    inputs = np.stack([normalise(image, spec) for image in images])
    # One by one, as the most careful reader will do it.
    parts = [logits for (logits,) in graph.ask((one[None] for one in inputs), "logits")]
    np.savez_compressed(path, images=images, inputs=inputs, logits=np.concatenate(parts))


def _manifest(folder: Path, contents: Contents, origin: Origin) -> Manifest:
    dataset, calibrated = contents.dataset, contents.calibrated
    return Manifest(
        name=origin.name,
        version=origin.version,
        classes=dataset.classes,
        preprocessing=contents.spec,
        calibration=Calibration(temperature=calibrated.temperature, bias=calibrated.bias),
        decision=DecisionRule(reference_class=dataset.reference, threshold=contents.rule.threshold),
        engine=EngineSpec(file=_ENGINE_FILE, precision="int8", cam_output="cam"),
        domain=DomainCheck(),
        reference=contents.reference,
        files=_entries(folder),
        lineage=Lineage(
            data_sha256=dataset.sha256,
            code_version=origin.code_version,
            seed=origin.seed,
            trained_at_ms=origin.trained_at_ms,
        ),
        metrics={name: round(value, 5) for name, value in sorted(contents.metrics.items())},
    )


def _entries(folder: Path) -> dict[str, FileEntry]:
    return {
        path.name: FileEntry(sha256=sha256_of(path), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST_FILE
    }
