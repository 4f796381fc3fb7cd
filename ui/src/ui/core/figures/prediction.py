"""The chart of one answer."""

from collections.abc import Mapping

import plotly.graph_objects as go

from ui.core.figures.style import ACCENT, QUIET, finished
from ui.core.wording import percent

_ROW_PX = 46
_FRAME_PX = 70


def probability_bars(probabilities: Mapping[str, float], label: str) -> go.Figure:
    """Draw every class's probability; the reported one stands out by colour and by weight."""
    names = list(probabilities)
    figure = go.Figure(
        go.Bar(
            x=[probabilities[name] for name in names],
            y=[f"<b>{name}</b>" if name == label else name for name in names],
            orientation="h",
            text=[percent(probabilities[name]) for name in names],
            textposition="outside",
            cliponaxis=False,
            marker={"color": [ACCENT if name == label else QUIET for name in names]},
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed")
    # Room for the number outside the longest bar.
    figure.update_xaxes(range=[0, 1.18], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    return finished(figure, height_px=_FRAME_PX + _ROW_PX * len(names), legend=False)
