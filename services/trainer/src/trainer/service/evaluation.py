"""A bundle meets a folder of labelled pictures it was not made from."""

from dataclasses import dataclass

import numpy as np

from shared.contracts.bundle import Manifest
from shared.domain_guard import DomainGuard
from trainer.core.arrays import Floats, Labels
from trainer.core.bootstrap import intervals
from trainer.core.dataset import Dataset, TooFewError
from trainer.core.evaluation_curves import confusion
from trainer.core.figures import all_figures
from trainer.ports import Engine, Images, Progress
from trainer.service.guarding import refused
from trainer.service.pixels import Pixels
from trainer.service.subject import Subject


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
    require_same_classes(manifest, dataset)
    progress.expect(len(dataset.examples))
    progress.stage("engine on the folder")
    pixels = Pixels(images, manifest.preprocessing)
    subject = Subject(manifest, engine, guard, pixels, dataset, progress)
    # Without a guard nobody asks for features; the logits stand in for them.
    outputs = [manifest.engine.logits_output]
    outputs.append(manifest.domain.output if manifest.domain else outputs[0])
    logits, features = subject.ask(*outputs)
    return evaluation_of(subject, logits, features)


def require_same_classes(manifest: Manifest, dataset: Dataset) -> None:
    """Raise TooFewError if the folder's classes are not the bundle's."""
    if dataset.classes != manifest.classes:
        raise TooFewError(
            f"the folder holds {', '.join(dataset.classes)}; "
            f"the bundle knows {', '.join(manifest.classes)}"
        )


def evaluation_of(subject: Subject, logits: Floats, features: Floats) -> Evaluation:
    """Score what the graph said: logits float32 [N, C], domain features float32 [N, D]."""
    probabilities, labels, rule = subject.probabilities(logits), subject.labels, subject.rule
    classes, dataset = subject.manifest.classes, subject.dataset
    subject.progress.stage("intervals by bootstrap over patients")
    patients = [example.patient for example in dataset.examples]

    def figures_of(rows: Labels) -> dict[str, float]:
        return all_figures(probabilities[rows], labels[rows], classes, rule)

    figures = figures_of(np.arange(len(labels)))
    if subject.guard is not None:
        figures["out_of_domain"] = refused(subject.guard, features)
    return Evaluation(
        figures,
        intervals(figures_of, patients),
        confusion(labels, probabilities.argmax(axis=1), len(classes)),
        len(labels),
        len(set(patients)),
    )
