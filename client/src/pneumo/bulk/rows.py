"""One row of bulk results: the outcome of one file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pneumo.errors import ApiError
from pneumo.models import Prediction

_BEFORE = ("file", "sha256", "status", "label", "confidence")
_AFTER = ("in_domain", "warnings", "model_version", "id", "code", "detail", "other_probabilities")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that a spreadsheet would compute instead of showing it."""


def csv_columns(classes: Sequence[str]) -> list[str]:
    """Return the header of a CSV: one column per class, so that a spreadsheet can sort by it.

    warnings: codes separated by spaces. other_probabilities: JSON of classes that the header
    lacks, for rows of a model with other classes.
    """
    return [*_BEFORE, *classes, *_AFTER]


def classes_of_columns(columns: Sequence[str]) -> list[str]:
    """Return the classes of a header. Raises ValueError if it is none of `csv_columns`."""
    classes = list(columns[len(_BEFORE) : len(columns) - len(_AFTER)])
    if list(columns) != csv_columns(classes):
        raise ValueError("not a header of this command")
    return classes


class ResultRow(BaseModel):
    """sha256: of the file's bytes. code, detail: of a failure. model_version: of the prediction."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    sha256: str | None = None
    status: Literal["succeeded", "failed"]
    label: str | None = None
    confidence: float | None = None
    probabilities: Mapping[str, float] | None = None
    in_domain: bool | None = None
    warnings: tuple[str, ...] = ()
    model_version: str | None = None
    id: str | None = None
    code: str | None = None
    detail: str | None = None
    explanation: Mapping[str, Any] | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it has a prediction."""
        return self.status == "succeeded"

    def to_json(self) -> str:
        """Return one line of JSON without the fields that are None."""
        return self.model_dump_json(exclude_none=True)

    def to_cells(self, classes: Sequence[str]) -> list[str]:
        """Return the cells of `csv_columns(classes)`, inert in a spreadsheet."""
        shares = dict(self.probabilities or {})
        values: dict[str, object] = {
            **self.model_dump(mode="json", exclude={"probabilities", "warnings", "explanation"}),
            "warnings": " ".join(self.warnings),
        }
        cells = [values.get(name) for name in _BEFORE]
        cells += [shares.pop(name, None) for name in classes]
        cells += [values.get(name) for name in _AFTER[:-1]]
        cells.append(json.dumps(shares, ensure_ascii=False) if shares else None)
        return [_inert(_cell(cell)) for cell in cells]


def row_of_cells(cells: Sequence[str], classes: Sequence[str]) -> ResultRow:
    """Parse the cells of `csv_columns(classes)`. Raises ValueError."""
    columns = csv_columns(classes)
    plain = map(_without_guard, cells)
    values = {name: cell for name, cell in zip(columns, plain, strict=True) if cell}
    shares = {name: float(values.pop(name)) for name in classes if name in values}
    shares |= json.loads(values.pop("other_probabilities", "{}"))
    warnings = tuple(values.pop("warnings", "").split())
    return ResultRow.model_validate(
        values | {"probabilities": shares or None, "warnings": warnings}
    )


Row = ResultRow  # its earlier name, removed in the next release


def answered(file: str, sha256: str | None, prediction: Prediction) -> ResultRow:
    """Return the row of a file that was predicted."""
    own = {"label", "confidence", "probabilities", "in_domain", "warnings", "id", "explanation"}
    return ResultRow(
        file=file,
        sha256=sha256,
        status="succeeded",
        model_version=prediction.model.version,
        **prediction.model_dump(include=own),
    )


def refused(file: str, sha256: str, error: ApiError) -> ResultRow:
    """Return the row of a file that the gateway rejected."""
    return ResultRow(
        file=file, sha256=sha256, status="failed", code=error.code, detail=error.detail, id=error.id
    )


def unread(file: str, code: str, detail: str) -> ResultRow:
    """Return the row of a file that was not sent."""
    return ResultRow(file=file, status="failed", code=code, detail=detail)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell


def _without_guard(cell: str) -> str:
    return cell.removeprefix("'")
