"""A file of results that is whole after every line, and from which an interrupted bulk goes on."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from pneumo.bulk.rows import COLUMNS, Row, row_of_cells
from pneumo.errors import PneumoError

JournalFormat = Literal["csv", "jsonl"]
_PRIVATE = 0o600
"""Names of files and findings: for this user alone, until they are shared on purpose."""


@dataclass
class Journal:
    """Appends rows to a file; each is a whole line on its way to the disk before the next.

    It remembers where the answers lie that were there at the start, not the answers.
    """

    path: Path
    format: JournalFormat
    kept: int = 0
    """Answers that were not asked for again."""
    _file: BinaryIO = field(init=False)
    _places: dict[str, int] = field(default_factory=dict)
    _files: set[tuple[str, str]] = field(default_factory=set)

    def start(self) -> None:
        """Begin a new file. Raises FileExistsError: results are never overwritten."""
        self.path.touch(mode=_PRIVATE, exist_ok=False)
        self._file = self.path.open("r+b")
        self._append(_head(self.format))

    def resume(self, model_version: str, *, explained: bool) -> None:
        """Go on with a file, if there is one; else begin it.

        Kept are answers of this model version, with an explanation where one is asked for. What
        failed, what another version answered and a line that was cut short are dropped, so that
        the file ends with one row a file. Raises PneumoError if it holds something else.
        """
        if not self.path.exists():
            self.start()
            return
        kept = self.path.with_name(self.path.name + ".resumed")
        kept.touch(mode=_PRIVATE)
        with kept.open("w+b") as file:
            file.write(_head(self.format))
            for row in _rows(self.path, self.format):
                current = row.model_version == model_version
                if row.succeeded and current and (row.explanation is not None or not explained):
                    self._note(row, file.tell())
                    file.write(_line(row, self.format))
            file.flush()
            os.fsync(file.fileno())
        kept.replace(self.path)
        self._file = self.path.open("r+b")
        self._file.seek(0, os.SEEK_END)

    def known(self, sha256: str) -> Row | None:
        """Give the answer to an image that was there at the start, under whatever name."""
        place = self._places.get(sha256)
        if place is None:
            return None
        self.kept += 1
        self._file.seek(place)
        line = self._file.readline()
        self._file.seek(0, os.SEEK_END)
        return _row(line, self.format)

    def write(self, row: Row) -> None:
        """Append a row, unless the file had it at the start."""
        if row.sha256 is None or (_one_line(row.file), row.sha256) not in self._files:
            self._append(_line(row, self.format))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()

    def _note(self, row: Row, place: int) -> None:
        assert row.sha256 is not None
        self._places[row.sha256] = place
        self._files.add((_one_line(row.file), row.sha256))


def _rows(path: Path, format_: JournalFormat) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # cut short: its image is asked about again
            if line == _head(format_):
                continue
            try:
                yield _row(line, format_)
            except ValueError as error:
                raise PneumoError(
                    f"{path}: line {number} is no result of this command; name another file."
                ) from error


def _head(format_: JournalFormat) -> bytes:
    return _csv_line(COLUMNS) if format_ == "csv" else b""


def _line(row: Row, format_: JournalFormat) -> bytes:
    if format_ == "csv":
        return _csv_line([_one_line(cell) for cell in row.to_cells()])
    return row.to_json().encode() + b"\n"


def _row(line: bytes, format_: JournalFormat) -> Row:
    text = line.decode()
    if format_ == "jsonl":
        return Row.model_validate_json(text)
    cells = next(csv.reader([text]))
    return row_of_cells(dict(zip(COLUMNS, cells, strict=True)))


def _csv_line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode(errors="surrogateescape")


def _one_line(cell: str) -> str:
    # A row is a line: that is how a row that was cut short is told from a whole one.
    return cell.replace("\r", " ").replace("\n", " ")
