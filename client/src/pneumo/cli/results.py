"""Output formats of `predict` on a terminal or a pipe."""

import csv
from collections.abc import Sequence
from typing import Literal, Protocol, TextIO

from pneumo.bulk.rows import ResultRow, csv_columns
from pneumo.warning_texts import describe_warning

Format = Literal["table", "csv", "json", "jsonl"]

_FILE_CHARS = 44


class Results(Protocol):
    """Writes rows as they arrive; the output is well-formed whenever it is closed."""

    def start(self, classes: Sequence[str]) -> None:
        """Write the header. classes: of the current model, for formats with a column per class."""
        ...

    def write(self, row: ResultRow) -> None:
        """Write one row."""
        ...

    def close(self) -> None:
        """Finish the output."""
        ...


class TableResults:
    """Lines of fixed width, none of which is held back."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def start(self, classes: Sequence[str]) -> None:
        """Print the header."""
        del classes
        self._print("file", "label", "p", "model", "remarks")

    def write(self, row: ResultRow) -> None:
        """Print a line."""
        remarks = [describe_warning(code).rstrip(".") for code in row.warnings]
        if row.in_domain is False:
            remarks.insert(0, "out of domain, do not use")
        if not row.succeeded:
            remarks = [f"{row.detail} ({row.code})"]
        probability = "" if row.confidence is None else f"{row.confidence:.3f}"
        label = row.label or "failed"
        self._print(row.file, label, probability, row.model_version or "", "; ".join(remarks))

    def _print(self, file: str, label: str, probability: str, model: str, remarks: str) -> None:
        cut = file if len(file) <= _FILE_CHARS else "…" + file[-_FILE_CHARS + 1 :]
        line = f"{cut:{_FILE_CHARS}}  {label:12}  {probability:5}  {model:18}  {remarks}"
        self._out.write(line.rstrip() + "\n")

    def close(self) -> None:
        """Flush."""
        self._out.flush()


class JsonResults:
    """One JSON list, written row by row."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._before = "["

    def start(self, classes: Sequence[str]) -> None:
        """Do nothing: the list has no header."""

    def write(self, row: ResultRow) -> None:
        """Append one."""
        self._out.write(f"{self._before}\n{row.to_json()}")
        self._before = ","

    def close(self) -> None:
        """Close the list."""
        self._out.write("[]\n" if self._before == "[" else "\n]\n")
        self._out.flush()


class LineResults:
    """CSV or JSON lines for a pipe."""

    def __init__(self, out: TextIO, format_: Literal["csv", "jsonl"]) -> None:
        self._out = out
        self._csv = csv.writer(out, lineterminator="\n") if format_ == "csv" else None
        self._classes: Sequence[str] = ()

    def start(self, classes: Sequence[str]) -> None:
        """Write the header of a CSV."""
        self._classes = tuple(classes)
        if self._csv is not None:
            self._csv.writerow(csv_columns(self._classes))

    def write(self, row: ResultRow) -> None:
        """Append one."""
        if self._csv is None:
            self._out.write(row.to_json() + "\n")
        else:
            self._csv.writerow(row.to_cells(self._classes))

    def close(self) -> None:
        """Flush."""
        self._out.flush()


def new_stream(format_: Format, out: TextIO) -> Results:
    """Return the writer of a format."""
    match format_:
        case "table":
            return TableResults(out)
        case "json":
            return JsonResults(out)
        case "csv" | "jsonl":
            return LineResults(out, format_)
