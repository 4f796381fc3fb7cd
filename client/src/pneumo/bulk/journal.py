"""A results file that is whole after every line, so that an interrupted bulk run can resume."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from pneumo.bulk.rows import ResultRow, classes_of_columns, csv_columns, row_of_cells
from pneumo.errors import PneumoError

JournalFormat = Literal["csv", "jsonl"]
_MARK = b"\xef\xbb\xbf"
"""UTF-8's byte order mark: without it spreadsheets misread letters beyond ASCII."""
_PRIVATE = 0o600
"""File names and findings are readable by this user alone, until they are shared on purpose."""


@dataclass
class Journal:
    """Appends rows to a file; each is a whole line on its way to the disk before the next.

    Remembers where the answers lie that were in the file at the start, not the answers.
    """

    path: Path
    format: JournalFormat
    kept: int = 0
    """Answers that were not requested again."""
    _classes: Sequence[str] = ()
    _file: BinaryIO | None = None
    _places: dict[str, int] = field(default_factory=dict)
    _files: set[tuple[str, str]] = field(default_factory=set)

    def start(self, classes: Sequence[str]) -> None:
        """Create the file. classes: columns of a CSV.

        Raises FileExistsError: results are never overwritten.
        """
        self._classes = tuple(classes)
        self.path.touch(mode=_PRIVATE, exist_ok=False)
        self._file = self.path.open("r+b")
        self._append(self._head())

    def resume(self, model_version: str, classes: Sequence[str], *, explained: bool) -> None:
        """Continue a file; create it if it does not exist.

        Answers of this model version are kept, with an explanation where one is requested. Failed
        rows, answers of other versions and a line that was cut short are dropped, so that the file
        ends with one row per image. Raises PneumoError if it is not a results file.
        """
        if not self.path.exists():
            self.start(classes)
            return
        self._classes = tuple(classes)
        kept = self.path.with_name(self.path.name + ".resumed")
        try:
            kept.touch(mode=_PRIVATE)
            with kept.open("w+b") as file:
                self._copy_kept_rows(file, model_version, explained=explained)
            kept.replace(self.path)
        finally:
            kept.unlink(missing_ok=True)
        self._file = self.path.open("r+b")
        self._file.seek(0, os.SEEK_END)

    def _copy_kept_rows(self, file: BinaryIO, model_version: str, *, explained: bool) -> None:
        file.write(self._head())
        for row in _rows(self.path, self.format):
            current = row.model_version == model_version
            if row.succeeded and current and (row.explanation is not None or not explained):
                self._note(row, file.tell())
                file.write(self._line(row))
        file.flush()
        os.fsync(file.fileno())

    def known(self, sha256: str) -> ResultRow | None:
        """Return the answer to an image that was in the file at the start, under any name."""
        place = self._places.get(sha256)
        if place is None or self._file is None:
            return None
        self.kept += 1
        self._file.seek(place)
        line = self._file.readline()
        self._file.seek(0, os.SEEK_END)
        return _row(line, self.format, self._classes)

    def write(self, row: ResultRow) -> None:
        """Append a row, unless the file had it at the start."""
        if row.sha256 is None or (_one_line(row.file), row.sha256) not in self._files:
            self._append(self._line(row))

    def close(self) -> None:
        """Close the file, if it was opened."""
        if self._file is not None:
            self._file.close()

    def _append(self, line: bytes) -> None:
        assert self._file is not None
        self._file.write(line)
        self._file.flush()

    def _note(self, row: ResultRow, place: int) -> None:
        assert row.sha256 is not None
        self._places[row.sha256] = place
        self._files.add((_one_line(row.file), row.sha256))

    def _head(self) -> bytes:
        return _MARK + _csv_line(csv_columns(self._classes)) if self.format == "csv" else b""

    def _line(self, row: ResultRow) -> bytes:
        if self.format == "csv":
            return _csv_line([_one_line(cell) for cell in row.to_cells(self._classes)])
        return row.to_json().encode() + b"\n"


def _rows(path: Path, format_: JournalFormat) -> Iterator[ResultRow]:
    """Yield the rows of a results file, also of one that a spreadsheet saved with CRLF and quotes.

    Raises PneumoError naming the first line that is no row.
    """
    classes: Sequence[str] = ()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # cut short: its image is requested again
            try:
                if number == 1 and format_ == "csv":
                    classes = classes_of_columns(_cells(line.removeprefix(_MARK)))
                else:
                    yield _row(line, format_, classes)
            except (ValueError, csv.Error) as error:
                raise PneumoError(
                    f"{path}: line {number} is not a result of this command. Pass another file."
                ) from error


def _row(line: bytes, format_: JournalFormat, classes: Sequence[str]) -> ResultRow:
    if format_ == "jsonl":
        return ResultRow.model_validate_json(line)
    return row_of_cells(_cells(line), classes)


def _cells(line: bytes) -> list[str]:
    return next(csv.reader([line.decode().rstrip("\r\n")], strict=True))


def _csv_line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _one_line(cell: str) -> str:
    # A row is one line, so that a row that was cut short can be recognised.
    return cell.replace("\r", " ").replace("\n", " ")
