"""What one threshold would do, for the explorer: looked up in the answer, never computed anew."""

from bisect import bisect_left
from collections.abc import Mapping

from pneumo.insights import Target, Thresholds
from ui.core.wording import count_of, number, percent


def nearest(thresholds: Thresholds, wanted: float) -> int:
    """Give the place of the threshold nearest to `wanted`; of two as near, the lower."""
    at = thresholds.threshold
    right = min(bisect_left(at, wanted), len(at) - 1)
    left = max(0, right - 1)
    return left if wanted - at[left] <= at[right] - wanted else right


def figures_at(thresholds: Thresholds, place: int) -> list[tuple[str, str]]:
    """Give the rates at one threshold, each with its name."""
    return [
        ("Sensitivity", percent(thresholds.sensitivity[place])),
        ("Specificity", percent(thresholds.specificity[place])),
        ("PPV", percent(thresholds.ppv[place])),
        ("NPV", percent(thresholds.npv[place])),
    ]


def counts_at(thresholds: Thresholds, place: int) -> list[Mapping[str, str]]:
    """Give the four counts at one threshold: truth in rows, answer in columns."""
    return [
        {
            "Truth": "yes",
            "Called yes": number(thresholds.true_positives[place]),
            "Called no": number(thresholds.false_negatives[place]),
        },
        {
            "Truth": "no",
            "Called yes": number(thresholds.false_positives[place]),
            "Called no": number(thresholds.true_negatives[place]),
        },
    ]


def sentence_at(target: Target, place: int) -> str:
    """Say what one threshold would do on these pictures, beside what the model's own does."""
    table = target.thresholds
    assert table is not None
    missed, alarms = table.false_negatives[place], table.false_positives[place]
    said = (
        f"At {table.threshold[place]:.2f}, {missed:,} of {count_of(target.positives, 'picture')} "
        f"with {target.name} would be missed, and {alarms:,} of {target.negatives:,} without it "
        "would be called so."
    )
    if target.chosen is None:
        return said
    own = nearest(table, target.chosen.threshold)
    own_at = f"{target.chosen.threshold:.2f}"
    fewer_missed = table.false_negatives[own] - missed
    more_alarms = alarms - table.false_positives[own]
    if not fewer_missed and not more_alarms:
        return f"{said} That is what the model's own threshold ({own_at}) does."
    return (
        f"{said} Against the model's own threshold ({own_at}): "
        f"{_difference(-fewer_missed, 'missed')}, {_difference(more_alarms, 'false alarm')}."
    )


def _difference(count: int, noun: str) -> str:
    if not count:
        return f"as many {noun}s" if noun != "missed" else "as many missed"
    word = noun if noun == "missed" or abs(count) == 1 else f"{noun}s"
    return f"{abs(count):,} {'more' if count > 0 else 'fewer'} {word}"


def predictive_note(prevalence: float | None) -> str:
    """Say for which prevalence the predictive values hold."""
    if prevalence is None:
        return ""
    return f"PPV and NPV hold where {percent(prevalence)} of the pictures show a finding."
