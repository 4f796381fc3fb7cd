"""What a dashboard is before it is drawn: sections of rows of questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """Grafana's names of the units in use."""

    NUMBER = "short"
    SHARE = "percentunit"
    SECONDS = "s"
    BYTES = "bytes"
    PER_SECOND = "cps"
    REQUESTS_PER_SECOND = "reqps"
    YES_OR_NO = "bool_yes_no"
    FACTOR = "suffix:×"


class Look(StrEnum):
    """How an answer is drawn: one figure, or lines over time."""

    FIGURE = "stat"
    LINES = "timeseries"
    STACK = "stack"
    STATES = "state-timeline"


class Color(StrEnum):
    """What a value means."""

    GOOD = "green"
    WARN = "orange"
    BAD = "red"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Steps from the smallest value up; the first one begins at minus infinity."""

    steps: Sequence[tuple[float | None, Color]]


def above(warn: float, bad: float) -> Thresholds:
    """Color values that are worse the higher they are."""
    return Thresholds(((None, Color.GOOD), (warn, Color.WARN), (bad, Color.BAD)))


def below(warn: float, bad: float) -> Thresholds:
    """Color values that are worse the lower they are: good from `warn` on, bad under `bad`."""
    return Thresholds(((None, Color.BAD), (bad, Color.WARN), (warn, Color.GOOD)))


def at_least(least: float) -> Thresholds:
    """Color values under `least` as bad, all others as good."""
    return Thresholds(((None, Color.BAD), (least, Color.GOOD)))


def any_is_bad(from_: float = 1e-9) -> Thresholds:
    """Color whatever is not nothing as bad."""
    return Thresholds(((None, Color.GOOD), (from_, Color.BAD)))


@dataclass(frozen=True, slots=True)
class Series:
    """One query; legend: Grafana's template over its labels, {{label}}."""

    query: str
    legend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A panel. Its title is the question it answers, `why` what the answer means.

    runbook: the page of docs/runbooks, without .md, for when the answer is bad.
    """

    title: str
    why: str
    series: Sequence[Series]
    unit: Unit
    thresholds: Thresholds
    runbook: str
    look: Look = Look.LINES


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under one heading; the questions of a row share its width."""

    title: str
    rows: Sequence[Sequence[Question]]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard; `name` is its file and its address."""

    name: str
    title: str
    description: str
    sections: Sequence[Section]

    @property
    def questions(self) -> Sequence[Question]:
        """Give every question in reading order."""
        return [each for section in self.sections for row in section.rows for each in row]
