"""Training curves out of a history.json."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_OVERFIT = 0.05
"""Rise of the validation loss above its lowest, as a share of it, that counts as overfitting."""


class HistoryError(ValueError):
    """The file is no history of a training."""


@dataclass(frozen=True, slots=True)
class TrainingCurves:
    """One value an epoch, epoch 1 first. validation: figures by name, of the same length."""

    loss: tuple[float, ...]
    validation: Mapping[str, tuple[float, ...]]

    @property
    def best_epoch(self) -> int | None:
        """Give the epoch, from 1, of the lowest validation loss; None without validation."""
        losses = self.validation.get("loss")
        return losses.index(min(losses)) + 1 if losses else None

    @property
    def gap(self) -> float | None:
        """Give validation loss − training loss after the last epoch; None without validation."""
        losses = self.validation.get("loss")
        return losses[-1] - self.loss[-1] if losses else None

    @property
    def interpretation(self) -> str:
        """Say how the training went, and whether it went on too long."""
        count = len(self.loss)
        start = f"The training loss went from {self.loss[0]:.3f} to {self.loss[-1]:.3f} in {count}"
        start += " epochs" if count > 1 else " epoch"
        if self.best_epoch is None or self.gap is None:
            return f"{start}; no validation was kept, so overfitting cannot be seen."
        losses = self.validation["loss"]
        risen = losses[-1] - min(losses)
        said = f"{start}; validation was best in epoch {self.best_epoch} of {count}"
        if risen > _OVERFIT * min(losses):
            return (
                f"{said} and its loss has risen by {risen:.3f} since: the training overfits; "
                f"stop near epoch {self.best_epoch}."
            )
        still = " and was still falling" if self.best_epoch == count and count > 1 else ""
        return f"{said}{still}; at the end it lies {self.gap:+.3f} from the training loss."


def curves_of(history: Any) -> TrainingCurves:
    """Read what history.json holds: {"epochs": [{"loss": …, "validation": {name: …}}, …]}.

    Raises HistoryError.
    """
    try:
        epochs: Sequence[Any] = history["epochs"]
        names = list(epochs[0].get("validation", {})) if epochs else []
        loss = tuple(float(epoch["loss"]) for epoch in epochs)
        validation = {
            name: tuple(float(epoch["validation"][name]) for epoch in epochs) for name in names
        }
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise HistoryError(f"this is no history of a training: {error!r}") from error
    if not loss:
        raise HistoryError("the history has no epoch")
    if not all(math.isfinite(one) for one in (*loss, *sum(validation.values(), ()))):
        raise HistoryError("the history holds a value that is no number; the training diverged")
    return TrainingCurves(loss, validation)


def read_curves(path: Path) -> TrainingCurves:
    """Read a history.json. Raises OSError, HistoryError."""
    try:
        history = json.loads(path.read_text())
    except ValueError as error:
        raise HistoryError(f"{path.name} is no JSON: {error}") from error
    return curves_of(history)
