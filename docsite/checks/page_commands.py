"""The commands of a Markdown page: lines of shell fences, and what stands in back-ticks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^ *```([a-z]*)[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SHELL = ("sh", "bash", "console")
_BACK_TICKS = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PROGRAM = re.compile(r"(?:\.venv/bin/|make |pneumo |curl |python3? -m )[^─]*$")
_NOT_OURS = {".venv", "node_modules", ".pneumo", "site", "build"}


@dataclass(frozen=True, slots=True)
class Command:
    """One line of shell.

    is_whole: it stands in a fence, so all required arguments are there; a mention in back-ticks
    may leave them out.
    """

    text: str
    is_whole: bool


def find_pages(root: Path) -> Sequence[Path]:
    """Return README files of all depths, all of docs/, and the guide for contributors."""
    found = {root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md"), *root.rglob("README.md")}
    return sorted(each for each in found if not _NOT_OURS & {*each.relative_to(root).parts})


def find_commands(text: str) -> Iterator[Command]:
    """Yield each command of a page, without its comment."""
    for language, block in _FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.split(r"(?:^| )#", line, maxsplit=1)[0].strip()
            if language in _SHELL or (not language and _PROGRAM.match(command)):
                yield Command(command, is_whole=True)
    for mention in _BACK_TICKS.findall(_FENCE.sub("", text)):
        yield Command(mention, is_whole=False)
