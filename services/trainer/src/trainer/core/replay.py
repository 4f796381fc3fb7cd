"""The replay memory: pictures that a bundle was made with, as its head sees them.

With it a new head is fitted and judged long after the pictures themselves are gone.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trainer.core.arrays import Floats, Halves, Labels, Mask
from trainer.core.heads import LinearHead

Names: TypeAlias = NDArray[np.str_]
"""str [N]: the sha256 of a picture's file, or a patient's pseudonym."""

Lessons: TypeAlias = NDArray[np.uint64]
"""uint64 [M]: a picture under a label, hashed; small enough to remember every one."""

REPLAY_FILE = "replay.npz"
_LESSON_BYTES = 8


class ReplayError(ValueError):
    """There is no replay memory, or not enough of it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ReplayLimits:
    """Rows kept at the most, of every part: about 3.5 MB, for most features are 0."""

    learned: int = 900
    held: int = 1100
    looks: int = 450
    parent: int = 800

    def rows(self, train: int, kept: int) -> int:
        """Give how many rows are made of so many pictures."""
        of_kept = (min(kept, limit) for limit in (self.held, self.looks, self.parent))
        return min(train, self.learned) + sum(of_kept)


@dataclass(frozen=True, slots=True)
class Remembered:
    """Pictures, one a row.

    features: float16 [N, D], pooled maps of the served graph. logits: float32 [N, C], of that
    graph. labels: int64 [N]. pictures: sha256 [N] of the files. patients: [N].
    """

    features: Halves
    logits: Floats
    labels: Labels
    pictures: Names
    patients: Names

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Labels) -> "Remembered":
        """Give some rows, in the order named."""
        return Remembered(
            self.features[rows],
            self.logits[rows],
            self.labels[rows],
            self.pictures[rows],
            self.patients[rows],
        )

    def joined(self, other: "Remembered") -> "Remembered":
        """Give these rows and then the other's."""
        return Remembered(
            np.concatenate([self.features, other.features]),
            np.concatenate([self.logits, other.logits]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.pictures, other.pictures]),
            np.concatenate([self.patients, other.patients]),
        )

    def without(self, pictures: Collection[str]) -> "Remembered":
        """Leave out the rows of some pictures."""
        return self.take(np.flatnonzero(~np.isin(self.pictures, list(pictures))))

    def few(self, limit: int) -> "Remembered":
        """Give at most `limit` rows, see `choose`."""
        return self.take(choose(self.labels, self.pictures, limit))

    def answered_by(self, head: LinearHead) -> "Remembered":
        """Give the same rows with the logits of another head."""
        return replace(self, logits=head.logits(self.features.astype(np.float32)))


@dataclass(frozen=True, slots=True)
class Replay:
    """What a bundle remembers.

    learned: of what its head was fitted to. held: patients whom no head was ever fitted to.
    looks: some of these, each under one look of `corruptions`: for calibration and threshold.
    parent: pictures of `held` with the features and the logits of the float parent. lessons: every
    upload that this model, or one it comes from, has met, whether learned or held back.
    """

    classes: tuple[str, ...]
    learned: Remembered
    held: Remembered
    looks: Remembered
    parent: Remembered
    lessons: Lessons = field(default_factory=lambda: np.zeros(0, np.uint64))

    def knows(self, pictures: Names, labels: Sequence[str]) -> Mask:
        """Tell which pictures were met under these labels, bool [N]; relabelled ones were not."""
        return np.isin(lessons_of(pictures, labels), self.lessons)

    def met(self, pictures: Names, labels: Sequence[str]) -> Lessons:
        """Give the lessons with those of these pictures, sorted, each once."""
        return np.union1d(self.lessons, lessons_of(pictures, labels))


def lessons_of(pictures: Names, labels: Sequence[str]) -> Lessons:
    """Hash pictures with the names of their labels, uint64 [N]."""
    digests = (
        hashlib.sha256(f"{picture} {label}".encode()).digest()
        for picture, label in zip(pictures.tolist(), labels, strict=True)
    )
    first = b"".join(digest[:_LESSON_BYTES] for digest in digests)
    return np.frombuffer(first, ">u8").astype(np.uint64)


def choose(labels: Labels, pictures: Names, limit: int) -> Labels:
    """Choose at most `limit` rows, in order: classes take turns, each in the order of its hashes.

    The choice is chance without a seed; more pictures never bring back one that fell out.
    """
    turn = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        turn[rows[np.argsort(pictures[rows], kind="stable")]] = np.arange(len(rows))
    return np.sort(np.lexsort((pictures, turn))[:limit])


def extend(
    replay: Replay,
    head: LinearHead,
    classes: tuple[str, ...],
    learned: Remembered,
    held: Remembered,
    limits: ReplayLimits,
) -> Replay:
    """Give the memory of a model with a new head that was fitted to `learned` and not to `held`.

    A picture that was remembered already is remembered as it is labelled now. All logits are the
    new head's.
    """
    known = [*learned.pictures.tolist(), *held.pictures.tolist()]
    met_labels = [*learned.labels.tolist(), *held.labels.tolist()]

    def merged(old: Remembered, new: Remembered, limit: int) -> Remembered:
        return old.without(known).answered_by(head).joined(new.answered_by(head)).few(limit)

    return Replay(
        classes,
        merged(replay.learned, learned, limits.learned),
        merged(replay.held, held, limits.held),
        replay.looks.answered_by(head),
        replay.parent.answered_by(head),
        replay.met(np.array(known, np.str_), [classes[label] for label in met_labels]),
    )
