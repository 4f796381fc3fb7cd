"""Charts on a page: the figure, what it says in words, and its numbers for who does not see it."""

from collections.abc import Mapping, Sequence
from typing import Literal

import plotly.graph_objects as go
import streamlit as st

from ui.core.figures.style import CONFIG

Height = Literal["content", "stretch"] | int
Table = Sequence[Mapping[str, object]]


def chart(figure: go.Figure, *, key: str, says: str, numbers: Table = ()) -> None:
    """Draw a figure over its sentence. numbers: the same as a table, folded away."""
    st.plotly_chart(figure, key=key, config=CONFIG, alt=says or None, theme="streamlit")
    if says:
        st.markdown(says)
    if numbers:
        with st.expander("The numbers"):
            table(numbers)


def table(rows: Table, *, height: Height = "content", alt: str | None = None) -> None:
    """Show rows as a table that a screen reader and a keyboard can read."""
    st.table(list(rows), border="horizontal", hide_index=True, height=height, alt=alt)
