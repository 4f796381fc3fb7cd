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
    Engine,
    FileEntry,
    Lineage,
    Manifest,
    PreprocessingSpec,
)
from shared.preprocessing import normalise
from trainer.core.card import model_card
from trainer.core.dataset import Dataset
from trainer.core.phantoms import golden_images
from trainer.core.precision import Kept
from trainer.core.recipe import Recipe
from trainer.ports import Exporter, Served
from trainer.service.rounding import Rounded
from trainer.service.training import Trained

_ENGINE_FILE = "model.xml"
_PARENT_FILE = "model.keras"
_CARD_FILE = "card.md"
_RECIPE_FILE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when a bundle was made; everything that the data and the seed do not say."""

    name: str
    version: str
    code_version: str
    seed: int
    trained_at_ms: int


def write_bundle(
    folder: Path,
    trained: Trained,
    dataset: Dataset,
    recipe: Recipe,
    exporter: Exporter,
    origin: Origin,
) -> Manifest:
    """Write every file of the bundle into an empty folder, the manifest last."""
    spec = PreprocessingSpec(size_px=recipe.size_px)
    trained.rounded.served.save(folder / _ENGINE_FILE)
    exporter.save_parent(trained.head, folder / _PARENT_FILE)
    _write_goldens(folder / GOLDENS_FILE, trained.rounded.served, spec)
    (folder / _RECIPE_FILE).write_text(json.dumps(asdict(recipe), indent=2) + "\n")
    manifest = _manifest(folder, trained, dataset, spec, origin)
    (folder / _CARD_FILE).write_text(model_card(manifest, dataset, _tried(trained.rounded)))
    manifest = manifest.model_copy(update={"files": _entries(folder)})
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest


def _write_goldens(path: Path, served: Served, spec: PreprocessingSpec) -> None:
    images = golden_images(spec.size_px, seed=0)
    inputs = np.stack([normalise(image, spec) for image in images])
    # One by one, as the most careful reader will do it.
    logits = np.concatenate(list(served.logits(one[None] for one in inputs)))
    np.savez_compressed(path, images=images, inputs=inputs, logits=logits)


def _manifest(
    folder: Path, trained: Trained, dataset: Dataset, spec: PreprocessingSpec, origin: Origin
) -> Manifest:
    kept = trained.rounded.served.kept
    return Manifest(
        name=origin.name,
        version=origin.version,
        classes=dataset.classes,
        preprocessing=spec,
        calibration=Calibration(
            temperature=trained.calibrated.temperature, bias=trained.calibrated.bias
        ),
        decision=DecisionRule(reference_class=dataset.reference, threshold=trained.rule.threshold),
        engine=Engine(file=_ENGINE_FILE, precision="f32" if kept is Kept.EVERYTHING else "int8"),
        files=_entries(folder),
        lineage=Lineage(
            data_sha256=dataset.sha256,
            code_version=origin.code_version,
            seed=origin.seed,
            trained_at_ms=origin.trained_at_ms,
        ),
        metrics={name: round(value, 5) for name, value in sorted(trained.metrics.items())},
    )


def _tried(rounded: Rounded) -> dict[str, str]:
    steps = {"float": rounded.exact} | {f"int8, in float: {r.kept}": r for r in rounded.tried}
    return {name: f"clean {r.clean:.4f}, shifted {r.shifted:.4f}" for name, r in steps.items()}


def _entries(folder: Path) -> dict[str, FileEntry]:
    return {
        path.name: FileEntry(sha256=sha256_of(path), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST_FILE
    }
