"""Charts of how well a model answers."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pneumo.insights import (
    Confusion,
    Curves,
    PrecisionRecall,
    Reliability,
    Roc,
    Thresholds,
)
from ui.core.figures.style import MARK, QUIET, SCALE, diagonal, finished, line

_CELL_PX = 72


def confusion_matrix(confusion: Confusion) -> go.Figure:
    """Draw truth (rows) against reported label (columns); shade is the share of the row."""
    rows = [sum(row) for row in confusion.table]
    shares = [
        [cell / total if total else 0.0 for cell in row]
        for row, total in zip(confusion.table, rows, strict=True)
    ]
    texts = [
        [f"{cell:,}<br>{share:.0%}" for cell, share in zip(row, line_, strict=True)]
        for row, line_ in zip(confusion.table, shares, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=list(confusion.classes),
            y=list(confusion.classes),
            text=texts,
            texttemplate="%{text}",
            colorscale=[list(stop) for stop in SCALE],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="is %{y}, called %{x}: %{text}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed")
    height = 110 + _CELL_PX * len(confusion.classes)
    return finished(figure, x="reported", y="truth", height_px=height, legend=False)


def roc_curve(roc: Roc) -> go.Figure:
    """Draw sensitivity against the rate of false alarms."""
    figure = go.Figure(diagonal())
    figure.add_scatter(
        x=list(roc.false_positive_rate),
        y=list(roc.sensitivity),
        mode="lines",
        line=line(0),
        hovertemplate="false alarms %{x:.1%}, sensitivity %{y:.1%}<extra></extra>",
    )
    return _rates(figure, x="false positive rate", y="sensitivity")


def precision_recall_curve(curve: PrecisionRecall, *, prevalence: float | None) -> go.Figure:
    """Draw precision against recall; the dotted line is what guessing would reach."""
    figure = go.Figure()
    if prevalence is not None:
        figure.add_hline(y=prevalence, line={"color": QUIET, "dash": "dot", "width": 1.5})
    figure.add_scatter(
        x=list(curve.recall),
        y=list(curve.precision),
        mode="lines",
        line=line(0),
        hovertemplate="recall %{x:.1%}, precision %{y:.1%}<extra></extra>",
    )
    return _rates(figure, x="recall (sensitivity)", y="precision")


def reliability_diagram(reliability: Reliability) -> go.Figure:
    """Draw how often what was predicted came true; on the dotted line words and truth agree."""
    figure = go.Figure(diagonal())
    most = max((each.count for each in reliability.bins), default=1)
    figure.add_scatter(
        x=[each.predicted for each in reliability.bins],
        y=[each.observed for each in reliability.bins],
        mode="lines+markers",
        line=line(0),
        marker={"size": [7 + 13 * (each.count / most) ** 0.5 for each in reliability.bins]},
        text=[f"{each.count:,} answers" for each in reliability.bins],
        hovertemplate="predicted %{x:.1%}, came true %{y:.1%}, %{text}<extra></extra>",
    )
    return _rates(figure, x="predicted probability", y="observed share")


def threshold_curves(thresholds: Thresholds, *, at: float, chosen: float | None) -> go.Figure:
    """Draw what each threshold would give; `at` is the one looked at, `chosen` the model's own."""
    figure = go.Figure()
    measures = {
        "sensitivity": thresholds.sensitivity,
        "specificity": thresholds.specificity,
        "PPV": thresholds.ppv,
        "NPV": thresholds.npv,
    }
    for place, (name, values) in enumerate(measures.items()):
        figure.add_scatter(
            x=list(thresholds.threshold),
            y=list(values),
            mode="lines",
            name=name,
            line=line(place),
            hovertemplate=f"{name} %{{y:.1%}} at %{{x:.2f}}<extra></extra>",
        )
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": QUIET, "dash": "dot", "width": 2})
    figure.add_vline(x=at, line={"color": MARK, "width": 2})
    return _rates(figure, x="threshold", y="", legend=True)


def training_curves(curves: Curves) -> tuple[go.Figure, go.Figure]:
    """Draw losses, and validation accuracies, by epoch."""
    loss = _by_epoch(
        curves, {"training loss": curves.loss, "validation loss": curves.validation.loss}
    )
    rates = {
        "validation accuracy": curves.validation.accuracy,
        "balanced accuracy": curves.validation.balanced_accuracy,
    }
    accuracy = _by_epoch(curves, rates)
    accuracy.update_yaxes(tickformat=".0%")
    return finished(loss, x="epoch", y="loss"), finished(accuracy, x="epoch")


def _by_epoch(curves: Curves, series: Mapping[str, Sequence[float | None]]) -> go.Figure:
    figure = go.Figure()
    for place, (name, values) in enumerate(series.items()):
        if not any(value is not None for value in values):
            continue
        figure.add_scatter(
            x=list(curves.epochs),
            y=list(values),
            mode="lines+markers",
            name=name,
            line=line(place),
            hovertemplate=f"epoch %{{x}}: {name} %{{y:.3f}}<extra></extra>",
        )
    if curves.best_epoch is not None:
        figure.add_vline(x=curves.best_epoch, line={"color": QUIET, "dash": "dot", "width": 1.5})
    figure.update_xaxes(dtick=max(1, len(curves.epochs) // 10))
    return figure


def _rates(figure: go.Figure, *, x: str, y: str, legend: bool = False) -> go.Figure:
    axis = {"range": [-0.02, 1.02], "tickformat": ".0%"}
    figure.update_yaxes(**axis)
    figure.update_xaxes(**(axis if x != "threshold" else {"range": [-0.02, 1.02]}))
    return finished(figure, x=x, y=y, legend=legend)
