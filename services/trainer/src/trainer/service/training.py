"""The story of a bundle: split, learn, export, round, calibrate, decide, guard."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.contracts.bundle import InputReference, PreprocessingSpec
from shared.domain_guard import DomainGuard
from trainer.core.arrays import Mask
from trainer.core.dataset import Dataset, Example
from trainer.core.figures import ThresholdRule, all_figures
from trainer.core.history import Tuned
from trainer.core.probabilities import Calibrated, fit_calibration
from trainer.core.recipe import Recipe
from trainer.core.reference import reference_of
from trainer.core.splits import split_patients
from trainer.core.thresholds import sensitivity_threshold
from trainer.ports import Backbone, Exporter, Images, Progress, Served, Tuner, ViewStore
from trainer.service.guarding import Guarding
from trainer.service.learning import Learner
from trainer.service.pixels import Pixels
from trainer.service.rounding import calibration_pixels
from trainer.service.validation import LOOKS, Answers, Validation

_HELD_OUT = slice(1, -1)
"""Looks that are corruptions: neither clean nor swapped."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What validation settles: probabilities, the operating point, and the figures there."""

    calibrated: Calibrated
    rule: ThresholdRule
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Trained:
    """All that a bundle is written from."""

    tuned: Tuned
    served: Served
    decided: Decided
    guard: DomainGuard
    reference: InputReference
    metrics: dict[str, float]


class Training:
    """Makes one model of a data set. The same data, recipe and seed give the same model."""

    def __init__(
        self,
        images: Images,
        backbone: Backbone,
        store: ViewStore,
        tuner: Tuner,
        exporter: Exporter,
        progress: Progress,
    ) -> None:
        self._images = images
        self._backbone = backbone
        self._store = store
        self._tuner = tuner
        self._exporter = exporter
        self._progress = progress

    def train(
        self, dataset: Dataset, recipe: Recipe, seed: int, held_out: Mask | None = None
    ) -> Trained:
        """Every class needs patients enough for both sides, see `require_trainable`.

        held_out: bool [N], what validation keeps; None: as the recipe splits.
        """
        if held_out is None:
            share, split_seed = recipe.validation_share, recipe.split_seed
            held_out = split_patients(dataset.examples, share=share, seed=split_seed)
        train, kept = _divide(dataset, held_out)
        pixels = Pixels(self._images, PreprocessingSpec(size_px=recipe.size_px))
        reference = dataset.classes.index(dataset.reference)
        learner = Learner(pixels, self._backbone, self._store, self._tuner, self._progress)
        validation = Validation(pixels, kept, reference, self._progress)
        guarding = Guarding(pixels, recipe, self._progress)
        self._progress.expect(
            learner.cost(len(train), len(kept), recipe)
            + 2 * validation.cost
            + guarding.cost(len(train), len(kept))
        )
        tuned = learner.learn(train, kept, len(dataset.classes), recipe, seed)
        self._progress.stage("export and int8")
        exact = self._exporter.export(tuned.kernels)
        served = exact.quantised(calibration_pixels(pixels, train, recipe))
        exact_answers, answers = validation.ask((exact, served))
        decided = _decide(dataset.classes, reference, answers, recipe)
        in_float = _decide(dataset.classes, reference, exact_answers, recipe)
        guard, guarded = guarding.fit(served, train, kept)
        metrics = _metrics(decided, in_float, guarded, len(train), len(kept))
        inputs = reference_of(map(pixels.features, train))
        return Trained(tuned, served, decided, guard, inputs, metrics)


def _divide(dataset: Dataset, held_out: Mask) -> tuple[list[Example], list[Example]]:
    pairs = list(zip(dataset.examples, held_out, strict=True))
    return [e for e, out in pairs if not out], [e for e, out in pairs if out]


def _decide(classes: tuple[str, ...], reference: int, answers: Answers, recipe: Recipe) -> Decided:
    """Calibrate and choose on every look pooled: a model is met by strange looks."""
    calibrated = fit_calibration(answers.pooled, answers.pooled_labels)
    p_finding = 1.0 - calibrated.probabilities(answers.pooled)[:, reference]
    is_finding = answers.pooled_labels != reference
    threshold = sensitivity_threshold(p_finding, is_finding, sensitivity=recipe.sensitivity)
    rule = ThresholdRule(reference, threshold)
    figures: dict[str, float] = {}
    parts: Sequence[tuple[str, slice]] = (
        ("clean", slice(0, 1)),
        ("corrupted", slice(*_HELD_OUT.indices(len(LOOKS)))),
        ("swapped", slice(len(LOOKS) - 1, None)),
    )
    for name, part in parts:
        looks = Answers(answers.logits[part], answers.labels)
        probabilities, labels = calibrated.probabilities(looks.pooled), looks.pooled_labels
        there = all_figures(probabilities, labels, classes, rule)
        figures |= {f"validation_{name}_{figure}": value for figure, value in there.items()}
    return Decided(calibrated, rule, figures)


def _metrics(
    decided: Decided,
    in_float: Decided,
    guarded: dict[str, float],
    examples: int,
    validation_examples: int,
) -> dict[str, float]:
    shown = ("validation_clean_accuracy", "validation_clean_class_accuracy")
    drops = {
        f"int8_drop_points_{name}": 100 * float(np.subtract(in_float.figures[name], figure))
        for name, figure in decided.figures.items()
        if name in (*shown, "validation_corrupted_accuracy", "validation_corrupted_class_accuracy")
    }
    return (
        decided.figures
        | drops
        | {f"validation_{name}": value for name, value in guarded.items()}
        | {"train_examples": float(examples), "validation_examples": float(validation_examples)}
    )
