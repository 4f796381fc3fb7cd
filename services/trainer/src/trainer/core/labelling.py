"""What a file's place and name say: its class and its patient.

A layout is a table of rules; the first layout whose rules fit every file of a folder is taken.
Any other folder is read plainly: the parent folder is the class, every file is its own patient.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath


class UnlabelledError(ValueError):
    """A file lies outside any class folder; the data owner must move it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Files of one folder whose names fit a pattern; `patient` is a template of its groups."""

    folder: str
    pattern: re.Pattern[str]
    label: str
    patient: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A known way of naming files. `classes` in order; `reference` is the healthy one."""

    name: str
    classes: tuple[str, ...]
    reference: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One file, read: path relative to the data folder, class name, patient."""

    name: str
    label: str
    patient: str


# Bacterial and viral pictures count their persons apart, but nothing published says that the
# numbers never mean the same person: one number is one patient, so no split can be wrong.
KERMANY = Layout(
    name="kermany-2018",
    classes=("NORMAL", "bacterial", "viral"),
    reference="NORMAL",
    rules=(
        Rule("PNEUMONIA", re.compile(r"person(\d+)_bacteria_"), "bacterial", r"person\1"),
        Rule("PNEUMONIA", re.compile(r"person(\d+)_virus_"), "viral", r"person\1"),
        Rule("NORMAL", re.compile(r"((?:NORMAL2-)?IM-\d+)-"), "NORMAL", r"\1"),
    ),
)

LAYOUTS = (KERMANY,)
_HEALTHY = ("normal", "healthy", "no finding", "negative")


def read_names(names: Sequence[str]) -> tuple[Layout, tuple[Labelled, ...]]:
    """Give the layout of a folder and what it says of every file.

    names: paths relative to the data folder, with forward slashes.
    Raises UnlabelledError if a plain folder holds a file outside any class folder.
    """
    for layout in LAYOUTS:
        labelled = tuple(_apply(layout, name) for name in names)
        if labelled and all(one is not None for one in labelled):
            return layout, tuple(one for one in labelled if one is not None)
    plain = tuple(_read_plainly(name) for name in names)
    return _plain_layout(sorted({one.label for one in plain})), plain


def _apply(layout: Layout, name: str) -> Labelled | None:
    path = PurePosixPath(name)
    for rule in layout.rules:
        match = rule.pattern.match(path.name)
        if match and path.parent.name == rule.folder:
            return Labelled(name, rule.label, match.expand(rule.patient))
    return None


def _read_plainly(name: str) -> Labelled:
    path = PurePosixPath(name)
    if not path.parent.name:
        raise UnlabelledError(f"{name} lies in no class folder")
    return Labelled(name, path.parent.name, str(path.with_suffix("")))


def _plain_layout(classes: Sequence[str]) -> Layout:
    healthy = [name for name in classes if name.casefold() in _HEALTHY]
    ordered = (*healthy, *(name for name in classes if name not in healthy))
    return Layout("class folders", ordered, ordered[0] if ordered else "", ())
