"""A bundle meets a folder of labelled pictures it was not made from."""

from dataclasses import dataclass

import numpy as np

from shared.contracts.bundle import Manifest
from shared.domain_guard import DomainGuard
from trainer.core.arrays import Floats
from trainer.core.bootstrap import intervals
from trainer.core.dataset import Dataset, TooFewError
from trainer.core.figures import Rule, all_figures
from trainer.core.probabilities import Calibrated
from trainer.core.views import CLEAN
from trainer.ports import Engine, Images, Progress
from trainer.service.guarding import refused
from trainer.service.pixels import Pixels


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures at the bundle's own operating point, and the confusion [C, C], truth in rows.

    intervals: 95 %, by bootstrap over patients. confusion: by the most probable class.
    """

    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    confusion: tuple[tuple[int, ...], ...]
    examples: int
    patients: int


def evaluate(
    manifest: Manifest,
    engine: Engine,
    guard: DomainGuard | None,
    images: Images,
    dataset: Dataset,
    progress: Progress,
) -> Evaluation:
    """Score a bundle. Raises TooFewError if the folder's classes are not the bundle's."""
    if dataset.classes != manifest.classes:
        raise TooFewError(
            f"the folder holds {', '.join(dataset.classes)}; "
            f"the bundle knows {', '.join(manifest.classes)}"
        )
    progress.expect(len(dataset.examples))
    progress.stage("engine on the folder")
    logits, features = _ask(manifest, engine, images, dataset, progress)
    calibration = manifest.calibration
    zero = (0.0,) * len(manifest.classes)
    calibrated = Calibrated(calibration.temperature, calibration.bias or zero)
    probabilities, labels = calibrated.probabilities(logits), dataset.labels
    reference = manifest.classes.index(manifest.decision.reference_class)
    rule = Rule(reference, manifest.decision.threshold)
    progress.stage("intervals by bootstrap over patients")
    patients = [example.patient for example in dataset.examples]

    def figures_of(rows: np.ndarray) -> dict[str, float]:
        return all_figures(probabilities[rows], labels[rows], manifest.classes, rule)

    figures = figures_of(np.arange(len(labels)))
    if guard is not None:
        figures["out_of_domain"] = refused(guard, features)
    return Evaluation(
        figures,
        intervals(figures_of, patients),
        _confusion(dataset, probabilities),
        len(labels),
        len(set(patients)),
    )


def _ask(
    manifest: Manifest, engine: Engine, images: Images, dataset: Dataset, progress: Progress
) -> tuple[Floats, Floats]:
    pixels = Pixels(images, manifest.preprocessing)
    # Without a guard nobody asks for features; the logits stand in for them.
    names = [manifest.engine.logits_output]
    names.append(manifest.domain.output if manifest.domain else names[0])
    parts = []
    for part in engine.ask(pixels.batches(dataset.examples, CLEAN), *names):
        parts.append(part)
        progress.advance(len(part[0]))
    logits, features = (np.concatenate(column) for column in zip(*parts, strict=True))
    return logits, features


def _confusion(dataset: Dataset, probabilities: Floats) -> tuple[tuple[int, ...], ...]:
    classes, labels = range(len(dataset.classes)), dataset.labels
    said = probabilities.argmax(axis=1)
    return tuple(
        tuple(int(((labels == truth) & (said == answer)).sum()) for answer in classes)
        for truth in classes
    )
