"""Charts of labelled images: how many, how bright, how much structure."""

from collections.abc import Sequence

import plotly.graph_objects as go

from pneumo.insights import Intensity, Spread
from ui.core.figures.style import MARKERS, class_colours, finished, line

_ROW_PX = 44
_FRAME_PX = 90


def class_counts(
    classes: Sequence[str], counts: Sequence[int], *, unit: str = "images"
) -> go.Figure:
    """Draw how many images each class has; bars lie, so that names of any length fit."""
    figure = go.Figure(
        go.Bar(
            x=list(counts),
            y=list(classes),
            orientation="h",
            text=[f"{count:,}" for count in counts],
            textposition="auto",
            marker={"color": class_colours(classes)},
            hovertemplate=f"%{{y}}: %{{x:,}} {unit}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed")
    height = _FRAME_PX + _ROW_PX * max(len(classes), 2)
    return finished(figure, x=unit, height_px=height, legend=False)


def intensity_histogram(intensity: Intensity) -> go.Figure:
    """Draw, for each class, the share of pixels at each grey level; 0 is black."""
    middles = [
        (low + high) / 2 for low, high in zip(intensity.edges, intensity.edges[1:], strict=False)
    ]
    figure = go.Figure()
    colours = class_colours(intensity.classes)
    for place, (name, shares) in enumerate(
        zip(intensity.classes, intensity.histograms, strict=True)
    ):
        figure.add_scatter(
            x=middles,
            y=list(shares),
            mode="lines",
            name=name,
            line=line(place) | {"shape": "hvh", "color": colours[place]},
            hovertemplate=f"{name}: %{{y:.1%}} of pixels near grey %{{x:.0f}}<extra></extra>",
        )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return finished(figure, x="grey level (0 black, 255 white)", y="share of pixels")


def spreads(
    classes: Sequence[str], measured: Sequence[Spread], *, x: str, percent: bool
) -> go.Figure:
    """Draw each class's mean (a mark) and the middle half of its pictures (a bar)."""
    form = ".1%" if percent else ".0f"
    figure = go.Figure()
    colours = class_colours(classes)
    for place, (name, spread) in enumerate(zip(classes, measured, strict=True)):
        low, middle, high = spread.quartiles
        figure.add_scatter(
            x=[low, high],
            y=[name, name],
            mode="lines",
            line={"color": colours[place], "width": 14},
            opacity=0.45,
            hovertemplate=f"{name}: half of the pictures between {low:{form}} and {high:{form}}"
            "<extra></extra>",
        )
        figure.add_scatter(
            x=[spread.mean],
            y=[name],
            mode="markers",
            marker={"color": colours[place], "size": 12, "symbol": MARKERS[place % len(MARKERS)]},
            hovertemplate=f"{name}: mean {spread.mean:{form}}, median {middle:{form}}, "
            f"{spread.pictures} pictures<extra></extra>",
        )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(tickformat=".1%" if percent else "")
    height = _FRAME_PX + _ROW_PX * max(len(classes), 2)
    return finished(figure, x=x, height_px=height, legend=False)
