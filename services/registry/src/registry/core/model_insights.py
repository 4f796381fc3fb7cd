"""What a bundle's own files tell of a model: what it learned from, how, and what it is worth."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field, ValidationError

from registry.core.target_insights import percent, targets_of
from shared.contracts.bundle import Manifest
from shared.contracts.evaluation import Evaluation
from shared.contracts.insights import (
    Confusion,
    FrozenTest,
    History,
    LearnedClass,
    ModelInsights,
    TrainedOn,
    ValidationInsights,
)
from shared.contracts.message import Message
from shared.insights.counting import count_of
from shared.insights.curves import HistoryError, curves_of
from shared.insights.distribution import Distribution

CARD_FILE = "card.json"
HISTORY_FILE = "history.json"
MAX_FILE_BYTES = 1024 * 1024
"""Of each file that is read; a larger one is passed over."""

_DIGITS = 5
_NOTE = (
    "The model was not trained on these images, but they come from the same sources as its "
    "training images, and calibration and threshold were fitted on them: expect lower figures "
    "elsewhere."
)


class CardData(Message):
    """The card's part about the data."""

    classes: tuple[LearnedClass, ...] = Field(min_length=1)
    layout: str | None = None
    sha256: str | None = None
    duplicates_left_out: int = 0
    conflicts_left_out: int = 0


class CardTest(Message):
    """The card's part about a test set. confusion: counts, truth in rows."""

    classes: tuple[str, ...] = ()
    examples: int
    patients: int | None = None
    note: str = ""
    data_sha256: str | None = None
    figures: dict[str, float] = Field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()


class Card(Message):
    """What is read of a model's card."""

    data: CardData | None = None
    test: CardTest | None = None


def insights_of(
    manifest: Manifest,
    *,
    card: Card | None,
    history: Any,
    evaluation: Evaluation | None,
    prevalence: float | None,
) -> ModelInsights:
    """Put everything together; what a bundle does not have is None."""
    validation = None
    if evaluation is not None and evaluation.classes == manifest.classes:
        validation = _validation(manifest, evaluation, prevalence)
    return ModelInsights(
        name=manifest.name,
        version=manifest.version,
        classes=manifest.classes,
        reference_class=manifest.decision.reference_class,
        threshold=manifest.decision.threshold,
        trained_on=None if card is None else _trained_on(card, manifest),
        curves=_history(history),
        validation=validation,
        test=None if card is None or card.test is None else _test(card.test, validation),
    )


def read_card(content: bytes) -> Card | None:
    """Read a card; None where it is none."""
    try:
        return Card.model_validate_json(content)
    except ValidationError:
        return None


def _trained_on(card: Card, manifest: Manifest) -> TrainedOn | None:
    data = card.data
    if data is None:
        return None
    counts = tuple(one.images + one.uploads for one in data.classes)
    names = tuple(one.name for one in data.classes)
    return TrainedOn(
        **data.model_dump(exclude={"classes"}),
        classes=data.classes,
        parent=manifest.lineage.parent,
        interpretation=Distribution(names, counts).interpretation,
    )


def _history(found: Any) -> History | None:
    if found is None:
        return None
    try:
        curves = curves_of(found)
    except HistoryError:
        return None
    return History(
        epochs=tuple(range(1, len(curves.loss) + 1)),
        loss=curves.loss,
        validation=dict(curves.validation),
        best_epoch=curves.best_epoch,
        interpretation=curves.interpretation,
    )


def _validation(
    manifest: Manifest, evaluation: Evaluation, prevalence: float | None
) -> ValidationInsights:
    reference, threshold = manifest.decision.reference_class, manifest.decision.threshold
    counts = Counter(evaluation.labels)
    there = 1 - counts[evaluation.classes.index(reference)] / len(evaluation.labels)
    return ValidationInsights(
        examples=len(evaluation.labels),
        patients=evaluation.patients,
        by_class={name: counts[place] for place, name in enumerate(evaluation.classes)},
        prevalence=round(there, _DIGITS) if prevalence is None else prevalence,
        note=_NOTE,
        figures=evaluation.figures,
        intervals=evaluation.intervals,
        confusion=confusion_of(evaluation, reference, threshold),
        targets=targets_of(evaluation, reference, threshold, prevalence),
    )


def confusion_of(evaluation: Evaluation, reference: str, threshold: float) -> Confusion:
    """Count what is reported by the bundle's rule; see contracts.bundle.DecisionRule."""
    place, held_against = evaluation.classes.index(reference), round(threshold, 4)
    others = [index for index in range(len(evaluation.classes)) if index != place]
    table = [[0] * len(evaluation.classes) for _ in evaluation.classes]
    for label, row in zip(evaluation.labels, evaluation.probabilities, strict=True):
        finding = round(1.0 - row[place], 4) >= held_against
        said = max(others, key=row.__getitem__) if finding else place
        table[label][said] += 1
    return _confusion(evaluation.classes, table)


def _confusion(classes: tuple[str, ...], table: Sequence[Sequence[int]]) -> Confusion:
    return Confusion(
        classes=classes,
        table=tuple(tuple(row) for row in table),
        interpretation=_confusion_words(classes, table),
    )


def _confusion_words(classes: tuple[str, ...], table: Sequence[Sequence[int]]) -> str:
    total = sum(map(sum, table))
    right = sum(table[place][place] for place in range(len(classes)))
    if not total:
        return "There is no picture."
    share = percent(right / total)
    said = f"The reported class is right for {right:,} of {count_of(total)}, {share}"
    wrong = {
        (truth, told): count
        for truth, row in enumerate(table)
        for told, count in enumerate(row)
        if truth != told and count
    }
    if not wrong:
        return f"{said}; none was mistaken for another."
    truth, told = max(wrong, key=wrong.__getitem__)
    return (
        f"{said}. Most often {classes[truth]} is taken for {classes[told]}: "
        f"{wrong[truth, told]:,} of {sum(table[truth]):,}."
    )


def _test(test: CardTest, validation: ValidationInsights | None) -> FrozenTest:
    fits = len(test.confusion) == len(test.classes) > 0
    return FrozenTest(
        **test.model_dump(exclude={"classes", "confusion"}),
        confusion=_confusion(test.classes, test.confusion) if fits else None,
        interpretation=_test_words(test, validation),
    )


def _test_words(test: CardTest, validation: ValidationInsights | None) -> str:
    told = [
        f"{name} {percent(test.figures[name])}{_interval_words(test.intervals.get(name))}"
        for name in ("sensitivity", "specificity")
        if name in test.figures
    ]
    if not told:
        return f"Scored once, on {count_of(test.examples)}."
    words = f"Scored once, on {count_of(test.examples)}: {', '.join(told)}."
    before = {} if validation is None else validation.figures
    kind = [
        f"{name} of {percent(before[name])}"
        for name, (_, high) in test.intervals.items()
        if name in ("sensitivity", "specificity") and before.get(name, 0.0) > high
    ]
    if not kind:
        return words
    return f"{words} Validation's {' and '.join(kind)} lies above that interval: it was too kind."


def _interval_words(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f" ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})"
