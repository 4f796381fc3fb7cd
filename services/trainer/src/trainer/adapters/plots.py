"""The report's plots as SVG: quiet, alike, the same bytes for the same report."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.insights.style import BLUE, DIM, GREY, SERIES, STYLE, SVG_METADATA
from trainer.core.evaluation_curves import CalibrationBin, Curve
from trainer.core.evaluation_report import FullReport

_DARK = 0.5
"""Share of the row above which a cell's number is written in white."""
_MANY = 10
"""Pictures from which on a bin's share is more than chance; with fewer it is drawn hollow."""


def draw_report(report: FullReport, folder: Path) -> tuple[Path, ...]:
    """Write confusion, curves, reliability and robustness into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[FullReport], Figure]] = {
        "confusion": _confusions,
        "curves": _curves,
        "reliability": _reliabilities,
        "robustness": _robustness,
    }
    paths = []
    with mpl.rc_context(STYLE):
        for name, draw in drawings.items():
            path = folder / f"{name}.svg"
            draw(report).savefig(path, metadata=SVG_METADATA)
            paths.append(path)
    return tuple(paths)


def _confusions(report: FullReport) -> Figure:
    basis = report.basis
    figure = Figure(figsize=(7.4, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = (basis.reference_class, "finding")
    _matrix(left, basis.binary_confusion, names, "At the threshold")
    _matrix(right, basis.confusion, basis.classes, "Most probable class")
    return figure


def _matrix(axes: Axes, counts: Sequence[Sequence[int]], names: Sequence[str], title: str) -> None:
    table = np.array(counts, float)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > _DARK else "black"
        label = f"{int(table[row, column])}\n{share:.1%}"
        axes.text(column, row, label, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    axes.set_title(title)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _curves(report: FullReport) -> Figure:
    figure = Figure(figsize=(7.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    ranking, basis = report.ranking, report.basis
    left.plot((0, 1), (0, 1), color=GREY, lw=0.8, ls=":")
    _lines(left, ranking.roc, "ROC", "1 − specificity", "sensitivity")
    chosen = next(point for point in ranking.points if point.chosen)
    at = 1 - chosen.specificity, chosen.sensitivity
    left.plot(*at, "o", color=BLUE, ms=5)
    left.annotate(
        f"threshold {chosen.threshold:.3f}",
        at,
        xytext=(28, -58),
        textcoords="offset points",
        color=BLUE,
        arrowprops={"arrowstyle": "-", "color": BLUE, "lw": 0.6},
    )
    _lines(right, ranking.precision_recall, "Precision and recall", "recall", "precision")
    (_, (hits_missed, hits)) = basis.binary_confusion
    share = (hits_missed + hits) / basis.examples
    right.axhline(share, color=GREY, lw=0.8, ls=":")
    right.text(0.0, share + 0.015, f"share of findings {share:.2f}", color=DIM, fontsize=8)
    return figure


def _lines(axes: Axes, curves: Sequence[Curve], title: str, x: str, y: str) -> None:
    for curve, colour in zip(curves, SERIES, strict=False):
        width = 1.8 if curve.name == "finding" else 1.1
        axes.plot(curve.x, curve.y, color=colour, lw=width, label=f"{curve.name} {curve.area:.3f}")
    axes.set(title=title, xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(0, 1.02), aspect="equal")
    axes.legend(loc="lower right", title="area", alignment="left")


def _reliabilities(report: FullReport) -> Figure:
    figure = Figure(figsize=(7.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    ranking, figures = report.ranking, report.basis.figures
    _reliability(left, ranking.finding_reliability, "Finding", "p(finding)", "share with a finding")
    title = f"Most probable class, ECE {figures['ece']:.3f}"
    _reliability(right, ranking.class_reliability, title, "its probability", "share right")
    return figure


def _reliability(axes: Axes, bins: Sequence[CalibrationBin], title: str, x: str, y: str) -> None:
    axes.plot((0, 1), (0, 1), color=GREY, lw=0.8, ls=":")
    many = [one for one in bins if one.count >= _MANY]
    few = [one for one in bins if one.count < _MANY]
    _points(axes, many, "o-", BLUE)
    _points(axes, few, "o", "white")
    counts = axes.twinx()
    middles = [one.predicted for one in bins]
    counts.bar(middles, [one.count for one in bins], width=0.04, color=BLUE, alpha=0.18)
    top = max(one.count for one in bins)
    counts.set(ylim=(0, 3 * top), yticks=(0, top), ylabel="pictures")
    counts.yaxis.set_label_coords(1.06, 1 / 6)
    counts.spines.right.set_visible(False)
    counts.tick_params(length=0, labelsize=7, labelcolor=DIM)
    axes.set(title=title, xlabel=x, ylabel=y, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _points(axes: Axes, bins: Sequence[CalibrationBin], form: str, fill: str) -> None:
    x, y = [one.predicted for one in bins], [one.observed for one in bins]
    axes.plot(x, y, form, color=BLUE, lw=1.2, ms=4, mfc=fill)


def _robustness(report: FullReport) -> Figure:
    figure = Figure(figsize=(7.4, 3.4), layout="constrained")
    axes = figure.subplots()
    clean = 1 - report.basis.figures["balanced_accuracy"]
    families = list(dict.fromkeys(one.family for one in report.robustness))
    shades = ("#a9c3dc", "#6694bf", BLUE)
    for number, shade in enumerate(shades):
        found = [one for one in report.robustness if one.severity == number + 1]
        places = np.arange(len(found)) + 0.26 * (number - 1)
        heights = [one.balanced_error for one in found]
        axes.bar(places, heights, width=0.24, color=shade, label=f"severity {number + 1}")
    axes.axhline(clean, color=GREY, lw=0.9, ls="--", label=f"untouched {clean:.3f}")
    axes.set_xticks(range(len(families)), families, rotation=25, ha="right")
    axes.set(title="Balanced error, finding or none", ylabel="error")
    axes.legend(ncols=4, loc="upper left", fontsize=8)
    axes.set_ylim(0, 1.25 * max(one.balanced_error for one in report.robustness))
    return figure
