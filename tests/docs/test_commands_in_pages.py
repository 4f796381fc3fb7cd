"""Commands in documents: make knows each target and variable, each module has an interpreter."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.core.spans import parse_span_ms
from shared.contracts.topics import RESULTS_RETENTION_MS

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
SETTING = re.compile(r"(?:KAFKA|PNEUMO|OTEL|PIP|TEST)_[A-Z_]+|WORKERS|SAMPLE|OBSERVE|UI|PYTHON")
KNOWN = set(
    re.findall(
        r"\$[({]([A-Z][A-Z_]*)|^(?:export )?([A-Z]+) \?=|ifdef ([A-Z]+)", MAKEFILE, re.MULTILINE
    )
)
VARIABLES = {name for names in KNOWN for name in names if name}
SHELL_FENCE = re.compile(r"^ *```(?:sh|bash)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    runbooks, others = ROOT / "docs" / "runbooks", [ROOT / "README.md", *ROOT.glob("*/README.md")]
    tutorials = (ROOT / "docs" / "tutorials").glob("*.md")
    return sorted([*runbooks.glob("*.md"), *tutorials, *others])


def commands(text: str) -> Iterator[str]:
    """Give each command of shell fences and back-ticks, without its comment."""
    for block in SHELL_FENCE.findall(text):
        yield from (line.split(" #")[0].strip() for line in block.splitlines())
    yield from re.findall(r"(?<!`)`([^`\n]+)`(?!`)", SHELL_FENCE.sub("", text))


def wrong_make(command: str) -> str | None:
    """Say what make does not know of `make TARGET NAME=value`; None if all is known."""
    words = re.match(r"make ([a-z][a-z0-9-]*)((?: [A-Z_]+=(?:\"[^\"]*\"|\S+))*)", command)
    if words is None:
        return None
    target, rest = words.groups()
    if target not in TARGETS:
        return f"no target {target}"
    given = dict(re.findall(r"([A-Z_]+)=(\"[^\"]*\"|\S+)", rest))
    unknown = [n for n in given if n not in VARIABLES and not SETTING.fullmatch(n)]
    if unknown:
        return f"no variable {unknown[0]}"
    if target == "audit" and parse_span_ms(given.get("SINCE", "10m")) > RESULTS_RETENTION_MS:
        return "audit looks back further than outcomes are kept"
    return None


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_make_knows_every_target_and_variable_of_a_page(page: Path) -> None:
    found = {each: wrong_make(each) for each in commands(page.read_text())}
    assert {each: wrong for each, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "runbooks").glob("*.md")), ids=lambda page: page.name
)
def test_a_runbook_names_the_interpreter_that_has_the_modules(page: Path) -> None:
    ours = r"python -m (?:operations|gateway|registry|trainer|embedded|shared|load|bench)\b"
    bare = [
        each for each in commands(page.read_text()) if re.match(rf"(?:[A-Z_]+=\S+ )*{ours}", each)
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("make audit SINCE=2h", "audit looks back further than outcomes are kept"),
        ("make adit", "no target adit"),
        ("make audit SICNE=10m", "no variable SICNE"),
        ("make up WORKERS=4", None),
    ],
)
def test_a_wrong_command_is_found(command: str, wrong: str | None) -> None:
    assert wrong_make(command) == wrong
