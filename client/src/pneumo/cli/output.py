"""Output of commands: results on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pneumo.bulk.files import printable_path

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_PIPE_WIDTH = 160
_NAMED = 10


def print_json(value: BaseModel | Sequence[BaseModel] | Mapping[str, object]) -> None:
    """Print one JSON document on stdout."""
    document: object = value
    if isinstance(value, BaseModel):
        document = value.model_dump(mode="json")
    elif not isinstance(value, Mapping):
        document = [each.model_dump(mode="json") for each in value]
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on stdout, without a terminal 160 columns wide. Empty columns: no header."""
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold", header_style="bold")
    for row in rows:
        # Not markup: names and details are user data.
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(Text(title, "bold"))
    if table.row_count:
        console.print(table)


def print_message(sentence: str) -> None:
    """Print a sentence on stderr."""
    sys.stderr.write(sentence + "\n")


def report_skipped(paths: Sequence[Path]) -> None:
    """Print which files were skipped because they are no images; at most ten by name."""
    for path in paths[:_NAMED]:
        print_message(f"{printable_path(path)}: skipped, not an image.")
    if len(paths) > _NAMED:
        print_message(f"{len(paths) - _NAMED:,} more files skipped, not images.")


def format_time(at_ms: int | None) -> str:
    """Return unix ms as a local time."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1e3, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def new_console() -> Console:
    """Return the console for progress: stderr, silent unless it is a terminal."""
    return Console(stderr=True, quiet=not sys.stderr.isatty())
