"""A bundle meets a folder of labelled pictures it was not made from."""

from dataclasses import dataclass, field

import numpy as np

from shared.contracts.bundle import Manifest
from shared.domain_guard import DomainGuard
from trainer.core.arrays import Floats, Labels
from trainer.core.bootstrap import intervals
from trainer.core.dataset import Dataset
from trainer.core.evaluation_curves import confusion
from trainer.core.figures import all_figures
from trainer.ports import Images, InferenceGraph, Progress
from trainer.service.guarding import refused
from trainer.service.pixels import Pixels
from trainer.service.subject import Subject

_SOURCE_FIGURES = ("auc", "accuracy", "sensitivity", "specificity", "class_accuracy", "ece")


@dataclass(frozen=True, slots=True)
class SourcePart:
    """What was scored on the pictures of one source; a figure that they do not define is absent."""

    name: str
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    examples: int
    patients: int


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """Figures at the bundle's own operating point, and the confusion [C, C], truth in rows.

    intervals: 95 %, by bootstrap over patients. confusion: by the most probable class.
    sources: the same apart, where classes came from folders of their own; else empty.
    probabilities: float32 [N, C], calibrated, in the order of the data set.
    """

    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    confusion: tuple[tuple[int, ...], ...]
    examples: int
    patients: int
    sources: tuple[SourcePart, ...]
    probabilities: Floats = field(repr=False)


def evaluate(
    manifest: Manifest,
    engine: InferenceGraph,
    guard: DomainGuard | None,
    images: Images,
    dataset: Dataset,
    progress: Progress,
) -> EvaluationResult:
    """Score a bundle. dataset: labels numbered as the bundle does, see `in_order_of`."""
    progress.expect(len(dataset.examples))
    progress.stage("engine on the folder")
    pixels = Pixels(images, manifest.preprocessing)
    subject = Subject(manifest, engine, guard, pixels, dataset, progress)
    # Without a guard nobody asks for features; the logits stand in for them.
    outputs = [manifest.engine.logits_output]
    outputs.append(manifest.domain.output if manifest.domain else outputs[0])
    logits, features = subject.ask(*outputs)
    return evaluation_of(subject, logits, features)


def evaluation_of(subject: Subject, logits: Floats, features: Floats) -> EvaluationResult:
    """Score what the graph said: logits float32 [N, C], domain features float32 [N, D]."""
    probabilities, labels = subject.probabilities(logits), subject.labels
    subject.progress.stage("intervals by bootstrap over patients")
    rows = np.arange(len(labels))
    whole = _part(subject, probabilities, "all", rows)
    if subject.guard is not None:
        whole.figures["out_of_domain"] = refused(subject.guard, features)
    return EvaluationResult(
        whole.figures,
        whole.intervals,
        confusion(labels, probabilities.argmax(axis=1), len(subject.manifest.classes)),
        whole.examples,
        whole.patients,
        tuple(
            _part(subject, probabilities, name, part, _SOURCE_FIGURES)
            for name, part in sources_of(subject.dataset)
        ),
        probabilities,
    )


def sources_of(dataset: Dataset) -> tuple[tuple[str, Labels], ...]:
    """Give the rows of every source: the folder, and each further class. One source: none."""
    if not dataset.further:
        return ()
    further = [dataset.classes.index(name) for name in dataset.further]
    named = [("the folder", ~np.isin(dataset.labels, further))]
    named.extend((dataset.classes[index], dataset.labels == index) for index in further)
    return tuple((name, np.flatnonzero(mask)) for name, mask in named)


def _part(
    subject: Subject,
    probabilities: Floats,
    name: str,
    part: Labels,
    wanted: tuple[str, ...] | None = None,
) -> SourcePart:
    classes, labels = subject.manifest.classes, subject.labels[part]
    patients = [subject.dataset.examples[row].patient for row in part]

    def figures_at(rows: Labels) -> dict[str, float]:
        return all_figures(probabilities[part[rows]], labels[rows], classes, subject.rule)

    figures = defined(figures_at(np.arange(len(part))), absent(labels, classes), wanted)

    def kept_at(rows: Labels) -> dict[str, float]:
        drawn = figures_at(rows)
        return {name: drawn[name] for name in figures}

    spans = intervals(kept_at, patients)
    return SourcePart(name, figures, spans, len(part), len(set(patients)))


def absent(labels: Labels, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Name the classes that no picture belongs to."""
    return tuple(name for index, name in enumerate(classes) if not (labels == index).any())


def defined(
    figures: dict[str, float], without: tuple[str, ...], wanted: tuple[str, ...] | None = None
) -> dict[str, float]:
    """Leave out figures that the pictures do not define, and those of absent classes."""
    return {
        name: value
        for name, value in figures.items()
        if not np.isnan(value)
        and (wanted is None or name in wanted)
        and name.partition("_")[2] not in without
    }
