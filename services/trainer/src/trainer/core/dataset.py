"""A folder of labelled images as training sees it: each picture once, patients as groups."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.core.arrays import Labels
from trainer.core.labelling import Labelled, Layout


class TooFewError(ValueError):
    """The folder cannot be trained on; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Example:
    """One distinct picture. sha256 is of the file's bytes; patient groups may span files."""

    name: str
    sha256: str
    label: int
    patient: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Distinct examples in the order of their hashes, and what was left out."""

    classes: tuple[str, ...]
    reference: str
    layout: str
    examples: tuple[Example, ...]
    duplicates: tuple[str, ...]
    """Names of files whose bytes were seen before."""
    conflicts: tuple[str, ...]
    """Names of files with equal bytes and different classes; none of them is used."""
    further: tuple[str, ...] = ()
    """Classes that came from folders of their own: another source than the rest."""

    @property
    def labels(self) -> Labels:
        """Give the class index of every example, int64 [N]."""
        return np.array([example.label for example in self.examples], np.int64)

    @property
    def sha256(self) -> str:
        """Hash what was learned from: every picture with its class, whatever the file's name."""
        lines = (f"{e.sha256} {self.classes[e.label]}\n" for e in self.examples)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How much there is of one class."""

    name: str
    images: int
    patients: int


def assemble(layout: Layout, files: Sequence[tuple[Labelled, str]]) -> Dataset:
    """Make a data set of labelled files and their sha256.

    Equal bytes count once; patients that share a picture are one group.
    """
    by_hash: dict[str, list[Labelled]] = {}
    for labelled, sha256 in sorted(files, key=lambda file: file[0].name):
        by_hash.setdefault(sha256, []).append(labelled)
    group = _joined(by_hash)
    examples: list[Example] = []
    duplicates: list[str] = []
    conflicts: list[str] = []
    for sha256, same in sorted(by_hash.items()):
        if len({one.label for one in same}) > 1:
            conflicts.extend(one.name for one in same)
            continue
        first = same[0]
        label = layout.classes.index(first.label)
        examples.append(Example(first.name, sha256, label, group[first.patient]))
        duplicates.extend(one.name for one in same[1:])
    return Dataset(
        layout.classes,
        layout.reference,
        layout.name,
        tuple(examples),
        tuple(sorted(duplicates)),
        tuple(sorted(conflicts)),
        layout.further,
    )


def _joined(by_hash: dict[str, list[Labelled]]) -> dict[str, str]:
    parent: dict[str, str] = {}

    def root(patient: str) -> str:
        while parent.setdefault(patient, patient) != patient:
            patient = parent[patient]
        return patient

    for same in by_hash.values():
        for one in same:
            a, b = sorted((root(same[0].patient), root(one.patient)))
            parent[b] = a
    return {patient: root(patient) for patient in list(parent)}


def count(dataset: Dataset) -> tuple[ClassCount, ...]:
    """Count images and patients of every class, in class order."""
    images = Counter(example.label for example in dataset.examples)
    patients = Counter(label for _, label in {(e.patient, e.label) for e in dataset.examples})
    return tuple(
        ClassCount(name, images[index], patients[index])
        for index, name in enumerate(dataset.classes)
    )


def require_trainable(dataset: Dataset, *, patients: int) -> None:
    """Raise TooFewError unless there are two classes, each with so many patients."""
    counts = count(dataset)
    if len(counts) < 2:  # noqa: PLR2004  a choice needs two
        raise TooFewError(f"training needs two classes or more, not {len(counts)}")
    for one in counts:
        if one.patients < patients:
            raise TooFewError(
                f"class {one.name} has {one.patients} patients; training needs {patients}"
            )
