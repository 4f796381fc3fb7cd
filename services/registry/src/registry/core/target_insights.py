"""Each question that a model's validation answers with yes or no, as curves and in words."""

from collections.abc import Sequence

from shared.contracts.evaluation import Evaluation
from shared.contracts.insights import (
    OperatingPoint,
    PrecisionRecall,
    Reliability,
    ReliabilityBin,
    RocCurve,
    Target,
    Thresholds,
)
from shared.insights.counting import count_of
from shared.insights.screening import (
    Bin,
    Counts,
    ScreeningScores,
    calibration_error,
    count_at,
    precision_recall,
    reliability,
    roc,
    scores_of,
)

FINDING = "finding"
"""The target of any class but the reference; no label of a class is in the way: it goes first."""

_GRID = tuple(n / 100 for n in range(101))
_DIGITS = 5
_FEW = 20
"""A bin of fewer pictures says nothing about calibration by itself."""


def targets_of(
    evaluation: Evaluation, reference: str, threshold: float, prevalence: float | None
) -> tuple[Target, ...]:
    """Give `finding`, with the bundle's threshold, then each class against the others.

    prevalence: that PPV and NPV are for; None: as common as among these pictures.
    """
    place = evaluation.classes.index(reference)
    truth = [label != place for label in evaluation.labels]
    score = [round(1.0 - row[place], 4) for row in evaluation.probabilities]
    targets = [_target(FINDING, scores_of(truth, score), reference, threshold, prevalence)]
    for index, name in enumerate(evaluation.classes):
        truth = [label == index for label in evaluation.labels]
        score = [row[index] for row in evaluation.probabilities]
        targets.append(_target(name, scores_of(truth, score), reference, None, prevalence))
    return tuple(targets)


def _target(
    name: str,
    scores: ScreeningScores,
    reference: str,
    threshold: float | None,
    prevalence: float | None,
) -> Target:
    points = [count_at(scores, one) for one in _GRID]
    # As the scores are rounded, so is what they are held against.
    chosen = None if threshold is None else count_at(scores, round(threshold, 4))
    curve = _roc(scores)
    if chosen is None:
        words = _class_words(name, curve, points)
    else:
        words = _finding_words(reference, curve, chosen)
    return Target(
        name=name,
        positives=len(scores.positive),
        negatives=len(scores.negative),
        roc=curve,
        precision_recall=_precision_recall(scores),
        reliability=_reliability(scores),
        thresholds=_thresholds(points, prevalence),
        chosen=None if chosen is None else _point(chosen, prevalence),
        interpretation=words,
    )


def _roc(scores: ScreeningScores) -> RocCurve | None:
    if not scores.both:
        return None
    line = roc(scores)
    return RocCurve(false_positive_rate=line.x, sensitivity=line.y, auc=line.area)


def _precision_recall(scores: ScreeningScores) -> PrecisionRecall | None:
    if not scores.both:
        return None
    line = precision_recall(scores)
    return PrecisionRecall(recall=line.x, precision=line.y, average_precision=line.area)


def _reliability(scores: ScreeningScores) -> Reliability | None:
    if not scores.both:
        return None
    bins = reliability(scores)
    error = calibration_error(bins)
    return Reliability(
        bins=tuple(
            ReliabilityBin(
                low=one.low,
                high=one.high,
                predicted=round(one.predicted, _DIGITS),
                observed=round(one.observed, _DIGITS),
                count=one.count,
            )
            for one in bins
        ),
        ece=round(error, _DIGITS),
        interpretation=_reliability_words(bins, error),
    )


def _thresholds(points: Sequence[Counts], prevalence: float | None) -> Thresholds:
    values = [one.predictive_values(prevalence) for one in points]
    return Thresholds(
        threshold=tuple(one.threshold for one in points),
        true_positives=tuple(one.true_positives for one in points),
        false_positives=tuple(one.false_positives for one in points),
        true_negatives=tuple(one.true_negatives for one in points),
        false_negatives=tuple(one.false_negatives for one in points),
        sensitivity=tuple(one.sensitivity for one in points),
        specificity=tuple(one.specificity for one in points),
        ppv=tuple(ppv for ppv, _ in values),
        npv=tuple(npv for _, npv in values),
        f1=tuple(one.f1 for one in points),
    )


def _point(one: Counts, prevalence: float | None) -> OperatingPoint:
    ppv, npv = one.predictive_values(prevalence)
    return OperatingPoint(
        threshold=one.threshold,
        true_positives=one.true_positives,
        false_positives=one.false_positives,
        true_negatives=one.true_negatives,
        false_negatives=one.false_negatives,
        sensitivity=one.sensitivity,
        specificity=one.specificity,
        ppv=ppv,
        npv=npv,
        f1=one.f1,
    )


def percent(value: float) -> str:
    """Give a share as people read it."""
    return f"{100 * value:.1f} %"


def _finding_words(reference: str, curve: RocCurve | None, chosen: Counts) -> str:
    if curve is None or chosen.sensitivity is None or chosen.specificity is None:
        return "There are pictures of one kind only: nothing can be told apart."
    return (
        f"Of a picture with a finding and one of {reference}, the finding scores higher in "
        f"{percent(curve.auc)} of all pairs. At the model's threshold, {chosen.threshold:.3f}, "
        f"{percent(chosen.sensitivity)} of the findings are seen and "
        f"{percent(chosen.specificity)} of {reference} are left alone: {chosen.false_negatives:,} "
        f"missed, {count_of(chosen.false_positives, 'false alarm')}."
    )


def _class_words(name: str, curve: RocCurve | None, points: Sequence[Counts]) -> str:
    if curve is None:
        return f"There is no picture of {name}, or none of another class."
    best = max(points, key=lambda one: (one.sensitivity or 0.0) + (one.specificity or 0.0))
    sensitivity, specificity = best.sensitivity or 0.0, best.specificity or 0.0
    return (
        f"{name} scores higher than another class in {percent(curve.auc)} of all pairs. Both "
        f"kinds of error are fewest together at {best.threshold:.2f}: {percent(sensitivity)} of "
        f"{name} found, {percent(1 - specificity)} of the others called so."
    )


def _reliability_words(bins: Sequence[Bin], error: float) -> str:
    said = f"What is said lies on average {100 * error:.1f} points from what came true"
    told = [one for one in bins if one.count >= _FEW]
    if not told:
        return f"{said}; no bin has {_FEW} pictures, so more cannot be told."
    worst = max(told, key=lambda one: abs(one.gap))
    way = "more often than said" if worst.gap > 0 else "less often than said"
    return (
        f"{said}; furthest off among bins of {_FEW} and more: of {worst.count:,} pictures said to "
        f"be {percent(worst.predicted)} sure, it came true for {percent(worst.observed)}, {way}."
    )
