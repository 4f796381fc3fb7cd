"""One line of a bulk's results: what became of one file."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pneumo.answers import Prediction
from pneumo.errors import ApiError

COLUMNS = (
    "file",
    "sha256",
    "status",
    "label",
    "confidence",
    "probabilities",
    "in_domain",
    "warnings",
    "model_version",
    "id",
    "code",
    "detail",
)
"""Of a CSV. probabilities and warnings are JSON."""


class Row(BaseModel):
    """sha256: of the file's bytes. code, detail: why it failed. model_version: who answered."""

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
        """Whether it holds an answer."""
        return self.status == "succeeded"

    def to_json(self) -> str:
        """Give it as one line of JSON, without what is not there."""
        return self.model_dump_json(exclude_none=True)

    def to_cells(self) -> list[str]:
        """Give it as the cells of COLUMNS."""
        told = self.model_dump(mode="json", include=set(COLUMNS))
        return [_cell(told[name]) for name in COLUMNS]


def row_of_cells(cells: Mapping[str, str]) -> Row:
    """Read a CSV's line. Raises ValueError."""
    told: dict[str, Any] = {name: value for name, value in cells.items() if value}
    for name in ("probabilities", "warnings"):
        if name in told:
            told[name] = json.loads(told[name])
    return Row.model_validate(told)


def answered(file: str, sha256: str, prediction: Prediction) -> Row:
    """Say that a file has its answer."""
    own = {"label", "confidence", "probabilities", "in_domain", "warnings", "id", "explanation"}
    return Row(
        file=file,
        sha256=sha256,
        status="succeeded",
        model_version=prediction.model.version,
        **prediction.model_dump(include=own),
    )


def refused(file: str, sha256: str, error: ApiError) -> Row:
    """Say that a file has none, and why."""
    return Row(
        file=file, sha256=sha256, status="failed", code=error.code, detail=error.detail, id=error.id
    )


def unread(file: str, code: str, detail: str) -> Row:
    """Say that a file was never sent."""
    return Row(file=file, status="failed", code=code, detail=detail)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False) if value else ""
        case _:
            return str(value)
