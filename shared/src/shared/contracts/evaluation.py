"""What a model said of the pictures that it never learned from, as its bundle carries it."""

from itertools import chain
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.message import Message

EVALUATION_FILE = "evaluation.json"
MAX_EVALUATION_BYTES = 1024 * 1024
"""A larger file is not read: of the 1,100 pictures that a bundle remembers, 30 KB are made."""

_Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Evaluation(Message):
    """Answers to validation pictures; no name, no patient, and no order of files.

    labels: the truth, an index into `classes`. probabilities: calibrated, [N, C], four digits.
    patients: of how many the pictures are. figures, intervals: as the trainer counted them before
    rounding; 95 %, bootstrap over patients.
    """

    schema_: Literal["evaluation/1"] = "evaluation/1"
    classes: tuple[str, ...] = Field(min_length=2)
    patients: int = Field(ge=1)
    labels: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    probabilities: tuple[tuple[_Share, ...], ...]
    figures: dict[str, float] = Field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agree(self) -> "Evaluation":
        if len(self.probabilities) != len(self.labels):
            raise ValueError("every picture has a label and probabilities")
        if max(self.labels) >= len(self.classes):
            raise ValueError("a label is none of the classes")
        if any(len(row) != len(self.classes) for row in self.probabilities):
            raise ValueError("every picture has a probability of each class")
        if not all(value == value for value in chain(*self.intervals.values())):  # noqa: PLR0124  NaN
            raise ValueError("an interval is no number")
        return self
