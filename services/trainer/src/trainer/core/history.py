"""How a training went, epoch by epoch, and where an interrupted one goes on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.train import MAX_EPOCHS, EpochFigures
from trainer.core.arrays import Floats, Halves, Kernels, Labels
from trainer.core.probabilities import softmax

_TINY = 1e-12
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Epoch:
    """loss: mean over the epoch's batches, mixed and augmented. validation: see `held_figures`."""

    loss: float
    validation: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Held:
    """Untouched pictures of patients who are not learned from: maps float16, classes int64 [N]."""

    maps: Halves
    labels: Labels


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that the next epoch depends on.

    arrays: weights and the optimiser's state by name. generator: state of the NumPy bit generator.
    epochs: those that are done.
    """

    arrays: Mapping[str, NDArray[Any]]
    generator: Mapping[str, Any]
    epochs: tuple[Epoch, ...]


@dataclass(frozen=True, slots=True)
class Tuned:
    """Trained weights, and how they came to be; no epochs: nobody wrote them down."""

    kernels: Kernels
    epochs: tuple[Epoch, ...]


def held_figures(
    logits: Floats, labels: Labels, weights: Floats, *, smooth: float
) -> dict[str, float]:
    """Score logits float32 [N, C]: the loss that training minimises, unmixed, and accuracies.

    weights: float32 [C], of every class in the loss. smooth: label smoothing.
    """
    said, classes = logits.argmax(axis=1), logits.shape[1]
    aim = np.eye(classes)[labels] * (1 - smooth) + smooth / classes
    losses = -(aim * np.log(softmax(logits) + _TINY)).sum(axis=1) * weights[labels]
    recalls = [float((said == c)[labels == c].mean()) for c in np.unique(labels)]
    return {
        "loss": float(losses.mean()),
        "accuracy": float((said == labels).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
    }


def history_json(epochs: Sequence[Epoch]) -> dict[str, Any]:
    """Give what history.json holds; `read_epochs` reads it, and so does shared.insights.curves."""
    return {
        "epochs": [
            {
                "epoch": number,
                "loss": round(one.loss, _DIGITS),
                "validation": {name: round(v, _DIGITS) for name, v in one.validation.items()},
            }
            for number, one in enumerate(epochs, start=1)
        ]
    }


def curves_of(epochs: Sequence[Epoch]) -> tuple[EpochFigures, ...]:
    """Give the epochs as a job tells them: the last MAX_EPOCHS, without those that diverged."""
    told = [
        EpochFigures(
            epoch=number,
            loss=round(one.loss, _DIGITS),
            validation={name: round(v, _DIGITS) for name, v in one.validation.items()},
        )
        for number, one in enumerate(epochs, start=1)
        if all(map(math.isfinite, (one.loss, *one.validation.values())))
    ]
    return tuple(told[-MAX_EPOCHS:])


def read_epochs(history: Mapping[str, Any]) -> tuple[Epoch, ...]:
    """Read what `history_json` gave."""
    return tuple(Epoch(one["loss"], one["validation"]) for one in history["epochs"])
