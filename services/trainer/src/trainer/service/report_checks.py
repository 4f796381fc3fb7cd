"""What a report asks beyond the plain folder: corruptions, strangers, class maps, the parent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shared.domain_guard import DomainGuard
from shared.preprocessing import normalise
from trainer.core.arrays import Floats, Grey
from trainer.core.corruptions import FAMILIES, SEVERITIES, graded_view
from trainer.core.evaluation_report import Robustness
from trainer.core.evaluation_saliency import (
    Masking,
    Randomised,
    hidden,
    hottest_quarter,
    likeness,
    maps_of,
    masking,
    moved,
    scattered,
)
from trainer.core.evaluation_strangers import (
    Strangers,
    draw_blanks,
    draw_text_page,
    judge_strangers,
)
from trainer.core.figures import all_figures
from trainer.core.strangers import invert, lay_on_its_side, turn_over
from trainer.core.views import CLEAN
from trainer.ports import InferenceGraph, Parents
from trainer.service.pixels import BATCH
from trainer.service.subject import Subject

_BLANKS, _PAGES = 16, 60
_SEED = 0


@dataclass(frozen=True, slots=True)
class CleanAnswers:
    """What the served graph says of the untouched pictures."""

    logits: Floats
    features: Floats
    cam: Floats


def robustness(subject: Subject) -> tuple[Robustness, ...]:
    """Show the folder under every family and severity."""
    found = []
    for family in FAMILIES:
        for severity in range(1, SEVERITIES + 1):
            subject.progress.stage(f"{family}, severity {severity}")
            (logits,) = subject.ask("logits", view=graded_view(family, severity))
            figures = figures_of(subject, logits)
            balanced, by_class = figures["balanced_accuracy"], figures["class_accuracy"]
            found.append(Robustness(family, severity, 1 - balanced, 1 - by_class))
    return tuple(found)


def figures_of(subject: Subject, logits: Floats) -> dict[str, float]:
    """Score logits [N, C] of every picture under the bundle's calibration and threshold."""
    probabilities, classes = subject.probabilities(logits), subject.manifest.classes
    return all_figures(probabilities, subject.labels, classes, subject.rule)


def strangers(
    subject: Subject, guard: DomainGuard, features: Floats, foreign: Mapping[str, Sequence[Grey]]
) -> tuple[Strangers, ...]:
    """Judge foreign pictures uint8 [S, S] by kind, and such as are drawn or made."""
    subject.progress.stage("strangers")
    usual = guard.strangeness(features)
    kinds = {**foreign, **_made(subject)}
    return tuple(
        judge_strangers(kind, usual, guard.strangeness(_features(subject, pictures)))
        for kind, pictures in kinds.items()
        if pictures
    )


def _made(subject: Subject) -> dict[str, list[Grey]]:
    rng = np.random.default_rng(_SEED)
    size_px = subject.manifest.preprocessing.size_px
    greys = [subject.pixels.grey(example) for example in subject.dataset.examples]
    return {
        "pages of text, drawn": [draw_text_page(size_px, rng) for _ in range(_PAGES)],
        "blank": list(draw_blanks(size_px, _BLANKS)),
        "this folder's radiographs, inverted": [invert(grey, rng) for grey in greys],
        "this folder's radiographs, on their side": [lay_on_its_side(grey, rng) for grey in greys],
        "this folder's radiographs, upside down": [turn_over(grey, rng) for grey in greys],
    }


def _features(subject: Subject, pictures: Sequence[Grey]) -> Floats:
    spec = subject.manifest.preprocessing
    batches = (
        np.stack([normalise(np.ascontiguousarray(one), spec) for one in pictures[at : at + BATCH]])
        for at in range(0, len(pictures), BATCH)
    )
    return np.concatenate([part for (part,) in subject.engine.ask(batches, "domain")])


def maskings(subject: Subject, clean: CleanAnswers) -> dict[str, Masking]:
    """Hide a quarter of every picture, by class of the answer and over all."""
    subject.progress.stage("class maps: hiding a quarter")
    said = clean.logits.argmax(axis=1)
    hot = hottest_quarter(maps_of(clean.cam, said))
    rows = np.arange(len(said))
    kinds = (hot, moved(hot, _SEED), scattered(hot, _SEED))
    scores = [clean.logits[rows, said]]
    scores.extend(_with_hidden(subject, masks)[rows, said] for masks in kinds)
    parts = {"all": rows} | {
        name: np.flatnonzero(said == index) for index, name in enumerate(subject.manifest.classes)
    }
    return {
        name: masking(*(score[part] for score in scores))
        for name, part in parts.items()
        if len(part)
    }


def _with_hidden(subject: Subject, masks: np.ndarray) -> Floats:
    batches = subject.pixels.batches(subject.dataset.examples, CLEAN)
    starts = range(0, len(masks), BATCH)
    made = (hidden(x, masks[at : at + BATCH]) for at, x in zip(starts, batches, strict=True))
    return np.concatenate([part for (part,) in subject.engine.ask(made, "logits")])


def randomised_maps(
    subject: Subject, clean: CleanAnswers, parents: Parents
) -> tuple[Randomised, ...]:
    """Compare the maps with those of the rounded-from model, whole and randomised."""
    subject.progress.stage("class maps: randomised weights")
    said = clean.logits.argmax(axis=1)
    maps = maps_of(clean.cam, said)
    graphs: tuple[tuple[str, InferenceGraph], ...] = (
        ("float parent", parents.exact()),
        ("head randomised", parents.randomised(head_only=True, seed=_SEED)),
        ("all weights randomised", parents.randomised(head_only=False, seed=_SEED)),
    )
    return tuple(
        likeness(what, maps, maps_of(subject.ask("cam", engine=graph)[0], said))
        for what, graph in graphs
    )
