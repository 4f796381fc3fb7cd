"""Dead letters for a person at a terminal, and the same for a program."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from operations.core.dead_letters import DeadLetterEntry
from operations.ports import Letter
from operations.service.dead_letters import Redriven


def entries_table(entries: Iterable[DeadLetterEntry]) -> Table:
    """Show dead letters, one a line."""
    table = _table("id", "given up", "cause", "attempts", "last error", "bytes", "redriven")
    for one in entries:
        letter = one.letter
        last = letter.attempts[-1].error if letter.attempts else ""
        attempts, again = str(len(letter.attempts)), str(len(one.redriven_as))
        # Text, not markup: an error may hold brackets.
        row = (one.id, _moment(letter.dead_at_ms), letter.cause.value, attempts, last)
        table.add_row(*map(Text, (*row, str(one.size_bytes), again)))
    return table


def letter_view(entry: DeadLetterEntry, letter: Letter) -> Group:
    """Show one dead letter: its figures, every attempt, and the stack."""
    facts = Table(show_header=False)
    for name, value in _entry(entry).items():
        if name != "attempts":
            facts.add_row(name, Text(str(value)))
    attempts = _table("attempt", "at", "worker", "error")
    for one in entry.letter.attempts:
        attempts.add_row(str(one.number), _moment(one.at_ms), Text(one.worker), Text(one.error))
    return Group(facts, attempts, Text(letter.letter.stack))


def redriven_table(done: Iterable[Redriven]) -> Table:
    """Show what became of each: old id, new id, outcome."""
    table = _table("dead letter", "new request", "outcome")
    for one in done:
        table.add_row(one.old_id, one.new_id or "", Text(_outcome(one)))
    return table


def entries_json(entries: Iterable[DeadLetterEntry]) -> str:
    """Give dead letters as a JSON list."""
    return json.dumps([_entry(one) for one in entries])


def letter_json(entry: DeadLetterEntry, letter: Letter) -> str:
    """Give one dead letter as a JSON object, its stack included."""
    return json.dumps({**_entry(entry), "stack": letter.letter.stack})


def redriven_json(done: Iterable[Redriven]) -> str:
    """Give what became of each as a JSON list."""
    return json.dumps(
        [{"id": one.old_id, "new_id": one.new_id, "outcome": _outcome(one)} for one in done]
    )


def _table(*names: str) -> Table:
    # An id that is cut short at the edge of a narrow terminal is of no use.
    return Table(*(Column(name, overflow="fold") for name in names))


def _entry(entry: DeadLetterEntry) -> dict[str, Any]:
    letter, request = entry.letter, entry.letter.request
    return {
        "id": entry.id,
        "cause": letter.cause.value,
        "dead_at": _moment(letter.dead_at_ms),
        "deadline": _moment(request.deadline_ms),
        "content_type": request.content_type,
        "size_bytes": entry.size_bytes,
        "omitted": list(letter.omitted),
        "redrive_of": request.redrive_of,
        "redriven_as": list(entry.redriven_as),
        "attempts": [one.model_dump() for one in letter.attempts],
    }


def _outcome(one: Redriven) -> str:
    if one.new_id is None:
        return f"refused: redriven already as {', '.join(one.earlier)}; say --again"
    if one.outcome is None:
        return "none in time"
    return f"{one.outcome.status} {one.outcome.what}".strip()


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1e3, UTC).isoformat(timespec="milliseconds")
