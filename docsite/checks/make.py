"""make's targets and variables, as the Makefile and the settings of programs have them."""

import functools
import re
import shlex
from pathlib import Path

from docsite.checks.parsers import wrong_for_typer
from operations.core.spans import parse_span_ms
from shared.contracts.topics import RESULTS_RETENTION_MS

_MAKEFILE = Path(__file__).parents[2] / "Makefile"
_COMMAND = re.compile(r"make ([a-z][a-z0-9-]*)((?: [A-Z_]+=(?:\"[^\"]*\"|\S+))*)")
_SETTING = re.compile(r"(?:KAFKA|PNEUMO|OTEL|PIP|TEST)_[A-Z_]+|WORKERS|SAMPLE|OBSERVE|UI|PYTHON")
_USED = re.compile(r"\$[({]([A-Z][A-Z_]*)|^(?:export )?([A-Z]+) \?=|ifdef ([A-Z]+)", re.MULTILINE)


def wrong_for_make(command: str) -> str | None:
    """Return what make does not know of `make TARGET NAME=value`; None if all is known."""
    words = _COMMAND.match(command)
    if words is None:
        return None
    target, rest = words.groups()
    if target not in _targets():
        return f"no target {target}"
    pairs = re.findall(r"([A-Z_]+)=(\"[^\"]*\"|\S+)", rest)
    given = {name: value.strip('"') for name, value in pairs}
    unknown = [name for name in given if name not in _variables() and not _SETTING.fullmatch(name)]
    if unknown:
        return f"no variable {unknown[0]}"
    if target == "audit" and parse_span_ms(given.get("SINCE", "10m")) > RESULTS_RETENTION_MS:
        return "audit looks back further than outcomes are kept"
    if target == "dlq" and "DLQ" in given:
        arguments = ["dlq", *shlex.split(given["DLQ"])]
        return wrong_for_typer("operations.__main__", arguments, is_whole=True)
    return None


@functools.cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][a-z0-9-]*):", _MAKEFILE.read_text(), re.MULTILINE))


@functools.cache
def _variables() -> frozenset[str]:
    found = _USED.findall(_MAKEFILE.read_text())
    return frozenset(name for names in found for name in names if name)
