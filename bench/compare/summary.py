"""Medians with their spread, and ratios of two systems round by round. Pure arithmetic."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.compare.records import Cell, Key, Session

Measure: TypeAlias = Callable[[Cell], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, the least and the greatest."""

    median: float
    low: float
    high: float


def spread_of(values: Iterable[float]) -> Spread | None:
    """Summarise what the rounds gave; None if they gave nothing."""
    seen = list(values)
    return Spread(statistics.median(seen), min(seen), max(seen)) if seen else None


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the smallest value that at least `share` (0 to 1) of the values do not exceed.

    ordered: ascending and not empty.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def rate(cell: Cell) -> float:
    """Answers a second."""
    return cell.rate


def p50(cell: Cell) -> float:
    """Median latency, ms."""
    return cell.p50_ms


def of(session: Session, key: Key, measure: Measure) -> Spread | None:
    """Give one figure of one cell of the table over the rounds."""
    return spread_of(measure(cell) for cell in session.cells if cell.key == key)


def compared(
    session: Session,
    ours: Key,
    theirs: Key,
    measure: Measure,
    how: Callable[[float, float], float] = lambda a, b: a / b,
) -> Spread | None:
    """Compare two cells within each round (the minutes differ more than the systems do)."""
    of_ours = {cell.round: measure(cell) for cell in session.cells if cell.key == ours}
    of_theirs = {cell.round: measure(cell) for cell in session.cells if cell.key == theirs}
    both = sorted(of_ours.keys() & of_theirs.keys())
    return spread_of(how(of_ours[n], of_theirs[n]) for n in both)


def best(session: Session, keys: Iterable[Key], measure: Measure, *, least: bool) -> Key | None:
    """Give the cell with the best median: the least one or the greatest; None if none was taken."""
    seen = [(found.median, key) for key in keys if (found := of(session, key, measure))]
    if not seen:
        return None
    return (min if least else max)(seen, key=lambda one: one[0])[1]
