"""The one look of every chart: colours that a colour-blind reader tells apart, light and dark."""

from collections.abc import Sequence

import plotly.graph_objects as go

SERIES = ("#0072b2", "#d55e00", "#009e73", "#b8548f", "#8c6d31", "#6f6fd0")
"""Okabe and Ito 2008 where their colours stand out at 3 : 1 from white and from near-black alike;
the last three take the place of those that do not. Lines differ in their dashes as well."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
QUIET = "#808080"
"""Of what is only there to be compared with: diagonals, bounds."""
ACCENT = SERIES[0]
MARK = SERIES[1]
SCALE = ((0.0, "#e3eef6"), (1.0, "#0072b2"))
"""Of a heat map whose cells carry their number as text."""

_CLASS_COLOURS = {"NORMAL": SERIES[0], "bacterial": SERIES[1], "viral": SERIES[2]}
"""Fixed, so that a class keeps its colour when other classes come and go."""

HEIGHT_PX = 320
CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False, "doubleClick": False}
"""Of plotly.js: no tool bar, whose links a keyboard cannot reach; no zoom that traps a finger."""


def colour(index: int) -> str:
    """Give the colour of the class, or of the series, at this place in its order."""
    return SERIES[index % len(SERIES)]


def class_colours(names: Sequence[str]) -> list[str]:
    """Return a colour per class: the known classes keep theirs, others take what is left."""
    free = [each for each in SERIES if each not in _CLASS_COLOURS.values()]
    others = sorted(name for name in names if name not in _CLASS_COLOURS)
    extra = {name: free[place % len(free)] for place, name in enumerate(others)}
    return [_CLASS_COLOURS.get(name) or extra[name] for name in names]


def line(index: int, *, width: float = 2.5) -> dict[str, object]:
    """Give colour and dashes of the series at this place in its order."""
    return {"color": colour(index), "dash": DASHES[index % len(DASHES)], "width": width}


def finished(
    figure: go.Figure, *, x: str = "", y: str = "", height_px: int = HEIGHT_PX, legend: bool = True
) -> go.Figure:
    """Give the figure its axes' names and the frame that fits a telephone too."""
    figure.update_layout(
        height=height_px,
        margin={"l": 8, "r": 8, "t": 32 if legend else 12, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": {"text": ""}},
        hovermode="closest",
        dragmode=False,
        bargap=0.3,
    )
    figure.update_xaxes(title_text=x, automargin=True, fixedrange=True)
    figure.update_yaxes(title_text=y, automargin=True, fixedrange=True)
    return figure


def diagonal(*, down: bool = False) -> go.Scatter:
    """Draw the line that a chart of rates is read against."""
    ends: Sequence[float] = (1.0, 0.0) if down else (0.0, 1.0)
    return go.Scatter(
        x=[0.0, 1.0],
        y=list(ends),
        mode="lines",
        line={"color": QUIET, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
    )
