"""The look that every figure of the project shares; needs no matplotlib by itself."""

from typing import Any

BLUE, GREY, DIM = "#2b5c8a", "#9a9a9a", "#6a6a6a"
SERIES = (BLUE, "#c1662f", "#5b8c5a", "#7d5ba6", "#8c6d31", "#3f8f8c")
"""Colours of lines and bars that stand for classes, in class order."""

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "pneumostream",
    "svg.fonttype": "path",
}
"""matplotlib's settings while a figure is drawn and saved."""
SVG_METADATA: dict[str, Any] = {"Date": None, "Creator": None}
"""Leaves the date out, so the same figure has the same bytes."""
