"""What a file's place and name say: its class and its patient.

A layout is a table of rules; the first layout whose rules fit every file of a folder is taken.
Any other folder is read plainly: the parent folder is the class, every file is its own patient.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath


class UnlabelledError(ValueError):
    """A file lies outside any class folder; the data owner must move it."""


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Files of one folder whose names fit a pattern; `patient` is a template of its groups."""

    folder: str
    pattern: re.Pattern[str]
    label: str
    patient: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A known way of naming files. `classes` in order; `reference` is the healthy one.

    further: the classes that came from folders of their own, beside the one that was named.
    """

    name: str
    classes: tuple[str, ...]
    reference: str
    rules: tuple[LabelRule, ...]
    further: tuple[str, ...] = ()


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
        LabelRule("PNEUMONIA", re.compile(r"person(\d+)_bacteria_"), "bacterial", r"person\1"),
        LabelRule("PNEUMONIA", re.compile(r"person(\d+)_virus_"), "viral", r"person\1"),
        LabelRule("NORMAL", re.compile(r"((?:NORMAL2-)?IM-\d+)-"), "NORMAL", r"\1"),
    ),
)

LAYOUTS = (KERMANY,)
_HEALTHY = ("normal", "healthy", "no finding", "negative")


def read_names(
    names: Sequence[str], further: Sequence[str] = ()
) -> tuple[Layout, tuple[Labelled, ...]]:
    """Give the layout of a folder and what it says of every file.

    names: paths relative to the data folder, with forward slashes; those of a further class
    start with its name. Raises UnlabelledError if a plain folder holds a file outside any class
    folder.
    """
    for known in LAYOUTS:
        layout = _with_classes(known, further)
        labelled = tuple(_apply(layout, name) for name in names)
        if labelled and all(one is not None for one in labelled):
            return layout, tuple(one for one in labelled if one is not None)
    plain = tuple(_read_plainly(name, further) for name in names)
    layout = _plain_layout(sorted({one.label for one in plain}))
    return replace(layout, further=tuple(further)), plain


def with_patients(
    labelled: Sequence[Labelled], patients: Mapping[str, str]
) -> tuple[Labelled, ...]:
    """Let a table say whose pictures they are, by file name without suffix, where it knows."""
    return tuple(
        replace(one, patient=patients.get(PurePosixPath(one.name).stem, one.patient))
        for one in labelled
    )


def _with_classes(layout: Layout, further: Sequence[str]) -> Layout:
    rules = (LabelRule(name, re.compile(r"(.+)\.\w+$"), name, rf"{name}/\1") for name in further)
    return replace(
        layout,
        classes=(*layout.classes, *(name for name in further if name not in layout.classes)),
        rules=(*layout.rules, *rules),
        further=tuple(further),
    )


def _apply(layout: Layout, name: str) -> Labelled | None:
    path = PurePosixPath(name)
    for rule in layout.rules:
        match = rule.pattern.match(path.name)
        # A further class's folder may hold folders of its own.
        if match and rule.folder in (path.parent.name, path.parts[0]):
            return Labelled(name, rule.label, match.expand(rule.patient))
    return None


def _read_plainly(name: str, further: Sequence[str]) -> Labelled:
    path = PurePosixPath(name)
    if not path.parent.name:
        raise UnlabelledError(f"{name} lies in no class folder")
    label = path.parts[0] if path.parts[0] in further else path.parent.name
    return Labelled(name, label, str(path.with_suffix("")))


def _plain_layout(classes: Sequence[str]) -> Layout:
    healthy = [name for name in classes if name.casefold() in _HEALTHY]
    ordered = (*healthy, *(name for name in classes if name not in healthy))
    return Layout("class folders", ordered, ordered[0] if ordered else "", ())
