"""Yes or no over every threshold, from scores and the truth: curves, calibration, counts.

Without NumPy: a service that only answers such questions need not load it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_POINTS = 201
"""Points kept of a curve; more than a plot shows."""
_BINS = 10
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class ScreeningScores:
    """Scores 0..1 of pictures that show what is asked for, and of those that do not; ascending."""

    positive: tuple[float, ...]
    negative: tuple[float, ...]

    @property
    def both(self) -> bool:
        """Tell whether there are pictures of both kinds; else there is no curve."""
        return bool(self.positive and self.negative)


@dataclass(frozen=True, slots=True)
class Counts:
    """What one threshold makes of the pictures: yes is a score ≥ threshold."""

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def sensitivity(self) -> float | None:
        """Give the share of those that show it who are called so; None where none does."""
        return share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> float | None:
        """Give the share of the others who are not called so; None where there is none."""
        return share(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def f1(self) -> float | None:
        """Give the harmonic mean of sensitivity and PPV; None where nothing is, or is called so."""
        wrong = self.false_positives + self.false_negatives
        return share(2 * self.true_positives, 2 * self.true_positives + wrong)

    def predictive_values(self, prevalence: float | None) -> tuple[float | None, float | None]:
        """Give PPV and NPV, of these pictures or, by Bayes' rule, of a place of that prevalence.

        None where nobody is called so.
        """
        hit, alarm = float(self.true_positives), float(self.false_positives)
        quiet, miss = float(self.true_negatives), float(self.false_negatives)
        if prevalence is not None:
            if self.sensitivity is None or self.specificity is None:
                return None, None
            hit, miss = self.sensitivity * prevalence, (1 - self.sensitivity) * prevalence
            quiet = self.specificity * (1 - prevalence)
            alarm = (1 - self.specificity) * (1 - prevalence)
        return share(hit, hit + alarm), share(quiet, quiet + miss)


@dataclass(frozen=True, slots=True)
class Line:
    """A curve as it is drawn, and the area under all of its points."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Scores between low and high: their mean, how often they came true, how many."""

    low: float
    high: float
    predicted: float
    observed: float
    count: int

    @property
    def gap(self) -> float:
        """Give how much oftener it came true than was said; negative: it was too sure."""
        return self.observed - self.predicted


def scores_of(truth: Sequence[bool], score: Sequence[float]) -> ScreeningScores:
    """Sort scores by the truth."""
    pairs = sorted(zip(score, truth, strict=True))
    return ScreeningScores(
        tuple(s for s, yes in pairs if yes), tuple(s for s, yes in pairs if not yes)
    )


def count_at(scores: ScreeningScores, threshold: float) -> Counts:
    """Count what one threshold makes of the pictures."""
    missed = bisect_left(scores.positive, threshold)
    quiet = bisect_left(scores.negative, threshold)
    hits, alarms = len(scores.positive) - missed, len(scores.negative) - quiet
    return Counts(threshold, hits, alarms, quiet, missed)


def roc(scores: ScreeningScores) -> Line:
    """Give false-positive rate (x) against sensitivity (y); there are pictures of both kinds."""
    positives, negatives = len(scores.positive), len(scores.negative)
    steps = [(0, 0), *_steps(scores)]
    x = [alarms / negatives for _, alarms in steps]
    y = [hits / positives for hits, _ in steps]
    area = sum((x[n] - x[n - 1]) * (y[n] + y[n - 1]) / 2 for n in range(1, len(x)))
    return _thinned(x, y, area)


def precision_recall(scores: ScreeningScores) -> Line:
    """Give recall (x) against precision (y); the area is the average precision."""
    positives = len(scores.positive)
    steps = _steps(scores)
    x = [hits / positives for hits, _ in steps]
    y = [hits / (hits + alarms) for hits, alarms in steps]
    area = sum((now - before) * y[n] for n, (before, now) in enumerate(zip([0.0, *x], x)))  # noqa: B905
    return _thinned(x, y, area)


def reliability(scores: ScreeningScores) -> tuple[Bin, ...]:
    """Compare what was said with what came true, in ten bins of equal width.

    Source: Niculescu-Mizil and Caruana 2005.
    """
    filled: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for yes, group in ((True, scores.positive), (False, scores.negative)):
        for score in group:
            filled[min(int(score * _BINS), _BINS - 1)].append((score, yes))
    return tuple(
        Bin(
            place / _BINS,
            (place + 1) / _BINS,
            sum(score for score, _ in part) / len(part),
            sum(yes for _, yes in part) / len(part),
            len(part),
        )
        for place, part in enumerate(filled)
        if part
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """Give the expected calibration error over the bins (Guo et al. 2017); 0 without any."""
    total = sum(one.count for one in bins)
    return sum(abs(one.gap) * one.count for one in bins) / total if total else 0.0


def share(part: float, whole: float) -> float | None:
    """Give part / whole, rounded; None of nothing."""
    return round(part / whole, _DIGITS) if whole else None


def _steps(scores: ScreeningScores) -> list[tuple[int, int]]:
    """Give hits and false alarms at every score there is, falling."""
    kinds = [(score, 1, 0) for score in scores.positive]
    kinds += [(score, 0, 1) for score in scores.negative]
    hits = alarms = 0
    steps = []
    for _, alike in groupby(sorted(kinds, reverse=True), key=lambda one: one[0]):
        for _, hit, alarm in alike:
            hits, alarms = hits + hit, alarms + alarm
        steps.append((hits, alarms))
    return steps


def _thinned(x: Sequence[float], y: Sequence[float], area: float) -> Line:
    last, kept = len(x) - 1, min(len(x), _POINTS)
    rows = [round(n * last / max(kept - 1, 1)) for n in range(kept)]
    return Line(
        tuple(round(x[row], _DIGITS) for row in rows),
        tuple(round(y[row], _DIGITS) for row in rows),
        round(area, _DIGITS),
    )
