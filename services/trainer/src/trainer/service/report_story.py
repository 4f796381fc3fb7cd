"""The story of a full report: the folder once, then everything that is asked of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.core.arrays import Floats, Grey, Labels, Mask
from trainer.core.bootstrap import intervals
from trainer.core.dataset import Dataset
from trainer.core.evaluation_curves import (
    Curve,
    confusion,
    operating_points,
    precision_recall,
    reliability,
    roc,
)
from trainer.core.evaluation_looks import LookCluster, cluster_looks, look_of, series_of
from trainer.core.evaluation_report import Basis, FullReport, Group, Mistake, Ranking
from trainer.core.evaluation_shift import Shift, Side, shifts
from trainer.core.figures import all_figures
from trainer.core.views import CLEAN
from trainer.ports import Parents
from trainer.service.evaluation import evaluation_of, sources_of
from trainer.service.pixels import Pixels
from trainer.service.report_blackout import blackouts
from trainer.service.report_checks import (
    CleanAnswers,
    figures_of,
    maskings,
    randomised_maps,
    robustness,
    strangers,
)
from trainer.service.subject import Subject

_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_PREVALENCES = (0.05, 0.2, 0.5)
_CLUSTERS = 4
_GROUP_FIGURES = ("accuracy", "sensitivity", "specificity", "class_accuracy")
_GROUP_DRAWS = 500


@dataclass(frozen=True, slots=True)
class Companions:
    """What a report may compare with. train: the folder learned from, decoded as this one is."""

    foreign: Mapping[str, Sequence[Grey]]
    parents: Parents
    train: tuple[Pixels, Dataset] | None
    names: Sequence[str]
    """Every file of the folder judged, sorted: what mistakes are numbered by."""
    note: str


def full_report(subject: Subject, companions: Companions) -> FullReport:
    """Judge a bundle, as served. Nothing is chosen here; the bundle's own threshold counts."""
    guard = subject.guard
    subject.progress.stage("engine on the folder")
    clean = CleanAnswers(*subject.ask("logits", "domain", "cam"))
    groups, clusters = _groups(subject, clean)
    (exact,) = subject.ask("logits", engine=companions.parents.exact())
    return FullReport(
        basis=_basis(subject, clean, companions.note),
        ranking=_ranking(subject, clean),
        robustness=robustness(subject),
        strangers=strangers(subject, guard, clean.features, companions.foreign) if guard else (),
        shifts=_shifts(subject, clean, companions.train),
        clusters=clusters,
        groups=groups,
        maskings=maskings(subject, clean),
        randomised=randomised_maps(subject, clean, companions.parents),
        parent=figures_of(subject, exact),
        agreement=float((exact.argmax(axis=1) == clean.logits.argmax(axis=1)).mean()),
        mistakes=_mistakes(subject, clean, companions.names),
        blackouts=blackouts(subject, companions.train),
    )


def _basis(subject: Subject, clean: CleanAnswers, note: str) -> Basis:
    evaluation = evaluation_of(subject, clean.logits, clean.features)
    manifest, rule = subject.manifest, subject.rule
    said = rule.decide(subject.probabilities(clean.logits))
    return Basis(
        name=manifest.name,
        version=manifest.version,
        classes=manifest.classes,
        reference_class=manifest.decision.reference_class,
        threshold=rule.threshold,
        data_sha256=subject.dataset.sha256,
        examples=evaluation.examples,
        patients=evaluation.patients,
        note=note,
        figures=evaluation.figures,
        intervals=evaluation.intervals,
        confusion=evaluation.confusion,
        binary_confusion=confusion(
            (subject.labels != rule.reference).astype(np.int64),
            (said != rule.reference).astype(np.int64),
            2,
        ),
    )


def _ranking(subject: Subject, clean: CleanAnswers) -> Ranking:
    probabilities, labels, rule = subject.probabilities(clean.logits), subject.labels, subject.rule
    finding, is_finding = 1 - probabilities[:, rule.reference], labels != rule.reference

    def curves(draw: Callable[..., Curve]) -> tuple[Curve, ...]:
        each = (
            draw(name, labels == index, probabilities[:, index])
            for index, name in enumerate(subject.manifest.classes)
            if index != rule.reference and (labels == index).any()
        )
        return (draw("finding", is_finding, finding), *each)

    return Ranking(
        roc=curves(roc),
        precision_recall=curves(precision_recall),
        finding_reliability=reliability(finding, is_finding),
        class_reliability=reliability(
            probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        ),
        points=operating_points(finding, is_finding, chosen=rule.threshold, thresholds=_THRESHOLDS),
        prevalences=_PREVALENCES,
    )


def _groups(
    subject: Subject, clean: CleanAnswers
) -> tuple[tuple[Group, ...], tuple[LookCluster, ...]]:
    examples = subject.dataset.examples
    series = np.array(series_of([example.name for example in examples]), object)
    sources = sources_of(subject.dataset)
    for name, rows in sources[1:]:
        # Files of a further class may be named by chance.
        series[rows] = name
    looks = np.stack([look_of(subject.pixels.grey(example)) for example in examples])
    cluster, middles = cluster_looks(looks, min(_CLUSTERS, len(examples)))
    probabilities = subject.probabilities(clean.logits)
    by_series = [("series", name, series == name) for name in sorted(set(series.tolist()))]
    by_look = [("look", str(n + 1), cluster == n) for n in range(len(middles))]
    parts = [("source", name, rows) for name, rows in sources]
    parts.extend((kind, name, np.flatnonzero(m)) for kind, name, m in (*by_series, *by_look))
    groups = tuple(_group(subject, probabilities, kind, name, rows) for kind, name, rows in parts)
    return groups, middles


def _group(subject: Subject, probabilities: Floats, kind: str, name: str, part: Labels) -> Group:
    labels, classes = subject.labels[part], subject.manifest.classes
    patients = [subject.dataset.examples[row].patient for row in part]

    def figures_at(rows: Labels) -> dict[str, float]:
        there = all_figures(probabilities[part[rows]], labels[rows], classes, subject.rule)
        return {figure: there[figure] for figure in _GROUP_FIGURES}

    figures = figures_at(np.arange(len(part)))
    defined = {figure: value for figure, value in figures.items() if not np.isnan(value)}
    spans = intervals(
        lambda rows: {f: v for f, v in figures_at(rows).items() if f in defined},
        patients,
        draws=_GROUP_DRAWS,
    )
    counts = tuple(int((labels == index).sum()) for index in range(len(classes)))
    return Group(kind, name, counts, defined, spans)


def _shifts(
    subject: Subject, clean: CleanAnswers, train: tuple[Pixels, Dataset] | None
) -> tuple[Shift, ...]:
    if train is None:
        return ()
    pixels, dataset = train
    subject.progress.stage("telling this folder from the training folder")
    parts = subject.engine.ask(pixels.batches(dataset.examples, CLEAN), "domain")
    learned = np.concatenate([part for (part,) in parts])
    return shifts(
        _side(learned, dataset), _side(clean.features, subject.dataset), subject.manifest.classes
    )


def _side(features: Floats, dataset: Dataset) -> Side:
    return Side(features, dataset.labels, tuple(example.patient for example in dataset.examples))


def _mistakes(subject: Subject, clean: CleanAnswers, names: Sequence[str]) -> tuple[Mistake, ...]:
    probabilities, classes = subject.probabilities(clean.logits), subject.manifest.classes
    said = subject.rule.decide(probabilities)
    strange: Mask = np.zeros(len(said), np.bool_)
    if subject.guard is not None:
        strange = np.asarray(subject.guard.strangeness(clean.features).max(axis=1) > 0)
    place = {name: index for index, name in enumerate(names)}
    examples = subject.dataset.examples
    wrong = (
        Mistake(
            index=place[examples[row].name],
            truth=classes[examples[row].label],
            said=classes[said[row]],
            probability=float(probabilities[row, said[row]]),
            in_domain=not bool(strange[row]),
        )
        for row in np.flatnonzero(said != subject.labels)
    )
    return tuple(sorted(wrong, key=lambda one: one.index))
