"""Several bundles of one recipe on the same pictures: the median, and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.core.arrays import Floats, Labels
from trainer.core.bootstrap import intervals
from trainer.core.figures import ThresholdRule, all_figures
from trainer.core.tables import table


@dataclass(frozen=True, slots=True)
class Run:
    """One bundle: its answers on the pictures, float32 [N, C], calibrated; its own rule."""

    name: str
    seed: int
    rule: ThresholdRule
    probabilities: Floats
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: median of the bundles, 95 % interval of that median, each bundle's own.

    interval None: the figure is not one that patients are drawn again for.
    """

    figure: str
    median: float
    interval: tuple[float, float] | None
    each: tuple[float, ...]


def summarise(
    runs: Sequence[Run], labels: Labels, patients: Sequence[str], classes: tuple[str, ...]
) -> tuple[Row, ...]:
    """Give every figure that all bundles have.

    Intervals: bootstrap over patients of the median over bundles, the same patients for each
    bundle. They tell how the figure would move on other patients, not on other seeds.
    """
    names = [name for name in runs[0].figures if all(name in run.figures for run in runs)]

    def medians_at(rows: Labels) -> dict[str, float]:
        drawn = [all_figures(r.probabilities[rows], labels[rows], classes, r.rule) for r in runs]
        shared = [name for name in names if name in drawn[0]]
        return {name: float(np.median([one[name] for one in drawn])) for name in shared}

    spans = intervals(medians_at, patients)
    return tuple(
        Row(name, float(np.median(each)), spans.get(name), each)
        for name in names
        for each in [tuple(run.figures[name] for run in runs)]
    )


def summary_text(
    runs: Sequence[Run], rows: Sequence[Row], *, examples: int, patients: int, note: str
) -> str:
    """Give seeds.md."""
    head = ("figure", "median", "95 %", *(f"{run.name}, seed {run.seed}" for run in runs))
    lines = (
        (
            row.figure,
            f"{row.median:.4f}",
            "–".join(f"{end:.3f}" for end in row.interval) if row.interval else "",
            *(f"{one:.4f}" for one in row.each),
        )
        for row in rows
    )
    return f"""\
# {len(runs)} bundles on the same pictures

{examples} pictures of {patients} patients, each bundle through its int8 engine, calibrated, at \
its own threshold. {note}

Interval: of the median over bundles, bootstrap over patients, the same patients for each bundle.

{table(head, lines)}
"""
