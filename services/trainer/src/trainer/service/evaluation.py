"""A bundle meets a folder of labelled pictures it was not made from."""

from dataclasses import dataclass

import numpy as np

from shared.contracts.bundle import Manifest
from trainer.core.arrays import Floats
from trainer.core.dataset import Dataset, TooFewError
from trainer.core.figures import Rule, binary_figures, class_figures
from trainer.core.probabilities import Calibrated
from trainer.core.views import CLEAN
from trainer.ports import Engine, Images, Progress
from trainer.service.pixels import Pixels


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures at the bundle's own operating point, and the confusion [C, C], truth in rows."""

    figures: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]


def evaluate(
    manifest: Manifest, engine: Engine, images: Images, dataset: Dataset, progress: Progress
) -> Evaluation:
    """Score a bundle. Raises TooFewError if the folder's classes are not the bundle's."""
    if dataset.classes != manifest.classes:
        raise TooFewError(
            f"the folder holds {', '.join(dataset.classes)}; "
            f"the bundle knows {', '.join(manifest.classes)}"
        )
    progress.expect(len(dataset.examples))
    progress.stage("engine on the folder")
    pixels = Pixels(images, manifest.preprocessing)
    parts: list[Floats] = []
    for part in engine.logits(pixels.batches(dataset.examples, CLEAN)):
        parts.append(part)
        progress.advance(len(part))
    reference = manifest.classes.index(manifest.decision.reference_class)
    rule = Rule(reference, manifest.decision.threshold)
    zero = (0.0,) * len(manifest.classes)
    calibration = manifest.calibration
    calibrated = Calibrated(calibration.temperature, calibration.bias or zero)
    probabilities = calibrated.probabilities(np.concatenate(parts))
    figures = binary_figures(probabilities, dataset.labels, rule) | class_figures(
        probabilities, dataset.labels, manifest.classes, rule
    )
    return Evaluation(figures, _confusion(dataset, rule.decide(probabilities)))


def _confusion(dataset: Dataset, said: np.ndarray) -> tuple[tuple[int, ...], ...]:
    classes = range(len(dataset.classes))
    labels = dataset.labels
    return tuple(
        tuple(int(((labels == truth) & (said == answer)).sum()) for answer in classes)
        for truth in classes
    )
