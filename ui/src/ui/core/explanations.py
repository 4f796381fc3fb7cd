"""The images in an answer: where the evidence lies, and the preview of a DICOM file."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pneumo import Prediction

_DOWN = ("upper", "middle", "lower")
_ACROSS = ("left", "centre", "right")


class _Overlay(BaseModel):
    model_config = ConfigDict(extra="ignore")
    base64: str


class _Explanation(BaseModel):
    model_config = ConfigDict(extra="ignore")
    of_class: str = Field(validation_alias="class")
    grid: tuple[tuple[float, ...], ...]
    overlay: _Overlay


class _Preview(BaseModel):
    model_config = ConfigDict(extra="ignore")
    base64: str


def preview_of(answer: Prediction) -> bytes | None:
    """Return the gateway's image of a DICOM file; None if the answer has none that can be read."""
    try:
        preview = _Preview.model_validate(answer.preview)
        return base64.b64decode(preview.base64, validate=True)
    except (ValidationError, binascii.Error):
        return None


def overlay_of(answer: Prediction) -> bytes | None:
    """Give the heat map as the bytes of a PNG; None if the answer has none that can be read."""
    explained = _explained(answer)
    if explained is None:
        return None
    try:
        return base64.b64decode(explained.overlay.base64, validate=True)
    except binascii.Error:
        return None


def place_of(answer: Prediction) -> str | None:
    """Say in a sentence where the evidence is strongest, for those who do not see the map."""
    explained = _explained(answer)
    if explained is None or not explained.grid or not explained.grid[0]:
        return None
    row, column = _warmest(explained.grid)
    down, across = _DOWN[row], _ACROSS[column]
    where = "middle" if (down, across) == ("middle", "centre") else f"{down} {across}"
    return (
        f"What speaks for {explained.of_class} is strongest in the {where} of the picture. The map "
        "shows where the model looks, not where a disease is."
    )


def _third(place: int, count: int) -> int:
    """Give the third, from 0, in which the middle of this cell lies."""
    return 3 * (2 * place + 1) // (2 * count)


def _explained(answer: Prediction) -> _Explanation | None:
    if answer.explanation is None:
        return None
    try:
        return _Explanation.model_validate(dict(answer.explanation))
    except ValidationError:
        return None


def _warmest(grid: Sequence[Sequence[float]]) -> tuple[int, int]:
    """Give the third, down and across, with the most of what the map shows as heat.

    One cell may outshine all others, and the eye still goes to where most of the heat is.
    """
    cells = [
        (value, _third(row, len(grid)), _third(column, len(line)))
        for row, line in enumerate(grid)
        for column, value in enumerate(line)
    ]
    mean = sum(value for value, _, _ in cells) / len(cells)
    heat: defaultdict[tuple[int, int], float] = defaultdict(float)
    for value, row, column in cells:
        heat[row, column] += max(0.0, value - mean)
    return max(heat, key=heat.__getitem__)
