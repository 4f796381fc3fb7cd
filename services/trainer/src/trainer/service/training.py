"""The story of a bundle: split, look, learn, export, round, calibrate, decide."""

from dataclasses import dataclass

import numpy as np

from shared.contracts.bundle import PreprocessingSpec
from trainer.core.arrays import Floats, Mask
from trainer.core.dataset import Dataset, Example
from trainer.core.figures import Rule, binary_figures, class_figures
from trainer.core.heads import LinearHead
from trainer.core.probabilities import Calibrated, fit_calibration
from trainer.core.probe import fit_head
from trainer.core.recipe import Recipe
from trainer.core.splits import split_patients
from trainer.core.thresholds import balanced_threshold
from trainer.core.views import CLEAN, augmented_view
from trainer.ports import Backbone, Exporter, FeatureStore, Images, Progress
from trainer.service.features import Features
from trainer.service.pixels import Pixels
from trainer.service.rounding import Rounded, calibration_pixels, round_down
from trainer.service.validation import LOOKS, Answers, Validation


@dataclass(frozen=True, slots=True)
class Trained:
    """All that a bundle is written from."""

    head: LinearHead
    rounded: Rounded
    calibrated: Calibrated
    rule: Rule
    metrics: dict[str, float]


class Training:
    """Makes one model of a data set. The same data, recipe and seed give the same model."""

    def __init__(
        self,
        images: Images,
        backbone: Backbone,
        store: FeatureStore,
        exporter: Exporter,
        progress: Progress,
    ) -> None:
        self._images = images
        self._backbone = backbone
        self._store = store
        self._exporter = exporter
        self._progress = progress

    def train(self, dataset: Dataset, recipe: Recipe, seed: int) -> Trained:
        """Every class needs patients enough for both sides, see `require_trainable`."""
        held_out = split_patients(dataset.examples, share=recipe.validation_share, seed=seed)
        train, kept = _divide(dataset, held_out)
        pixels = Pixels(self._images, PreprocessingSpec(size_px=recipe.size_px))
        validation = Validation(pixels, kept, self._progress)
        self._progress.expect((1 + recipe.views) * len(train) + 2 * validation.cost)
        head = self._learn(pixels, train, len(dataset.classes), recipe, seed)
        rounded = round_down(
            self._exporter.export(head),
            calibration_pixels(pixels, train, recipe, seed),
            validation,
            recipe,
            self._progress,
        )
        self._progress.stage("calibration")
        return _decide(dataset, head, rounded)

    def _learn(
        self, pixels: Pixels, train: list[Example], classes: int, recipe: Recipe, seed: int
    ) -> LinearHead:
        features = Features(pixels, self._backbone, self._store, self._progress)
        views = [CLEAN, *(augmented_view(n + 1, recipe.policy, seed) for n in range(recipe.views))]
        seen = []
        for number, view in enumerate(views):
            self._progress.stage(f"features, view {number + 1} of {len(views)}")
            seen.append(features.of(train, view))
        self._progress.stage("linear probe")
        labels = np.tile(np.array([e.label for e in train], np.int64), len(views))
        return fit_head(np.concatenate(seen), labels, strength=recipe.penalty, classes=classes)


def _divide(dataset: Dataset, held_out: Mask) -> tuple[list[Example], list[Example]]:
    pairs = list(zip(dataset.examples, held_out, strict=True))
    return [e for e, out in pairs if not out], [e for e, out in pairs if out]


def _decide(dataset: Dataset, head: LinearHead, rounded: Rounded) -> Trained:
    answers = rounded.answers
    # Both on shifted validation: a model is met by strange looks, not by its own folder's.
    calibrated = fit_calibration(answers.shifted, answers.shifted_labels)
    reference = dataset.classes.index(dataset.reference)
    p_finding = 1.0 - calibrated.probabilities(answers.shifted)[:, reference]
    threshold = balanced_threshold(p_finding, answers.shifted_labels != reference)
    rule = Rule(reference, threshold)
    return Trained(head, rounded, calibrated, rule, _metrics(dataset, rounded, calibrated, rule))


def _metrics(
    dataset: Dataset, rounded: Rounded, calibrated: Calibrated, rule: Rule
) -> dict[str, float]:
    answers = rounded.answers
    clean = calibrated.probabilities(answers.clean)
    shifted = calibrated.probabilities(answers.shifted)
    figures: dict[str, float] = {}
    for part, probabilities, labels in (
        ("clean", clean, answers.labels),
        ("shifted", shifted, answers.shifted_labels),
    ):
        both = binary_figures(probabilities, labels, rule) | class_figures(
            probabilities, labels, dataset.classes, rule
        )
        figures |= {f"validation_{part}_{name}": value for name, value in both.items()}
    return figures | {
        "validation_worst_balanced_accuracy": _worst(answers, calibrated, rule),
        "float_clean_class_accuracy": rounded.exact.clean,
        "float_shifted_class_accuracy": rounded.exact.shifted,
        "examples": float(len(dataset.examples)),
        "validation_examples": float(len(answers.labels)),
    }


def _worst(answers: Answers, calibrated: Calibrated, rule: Rule) -> float:
    def balanced(logits: Floats) -> float:
        figures = binary_figures(calibrated.probabilities(logits), answers.labels, rule)
        return figures["balanced_accuracy"]

    return min(balanced(answers.logits[look]) for look in range(len(LOOKS)))
