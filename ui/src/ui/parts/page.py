"""What every page has: a title, and at its foot what this software is not."""

import streamlit as st

from pneumo import DISCLAIMER

ABOUT = f"""**PneumoStream**: pneumonia detection on chest radiographs, as an event-driven system.

{DISCLAIMER}"""


_ROOM = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 2rem; }
.stBottomBlockContainer { padding-top: 0.5rem; padding-bottom: 0.75rem; }
[data-testid="stMetricValue"], [data-testid="stMetricValue"] * {
    white-space: normal !important; overflow: visible !important; text-overflow: clip !important;
    overflow-wrap: anywhere;
}
[data-testid="stSliderThumbValue"], [data-testid="stSliderThumbValue"] *,
[data-testid="stButtonGroup"] [role="radio"], [data-testid="stButtonGroup"] [role="radio"] * {
    color: inherit !important;
}
</style>"""
"""Streamlit leaves a quarter of a telephone empty above the title, and as much at the foot; it cuts
the value of a metric that is wider than its box; and it writes in the primary colour, which cannot
have enough contrast both with dark grounds and with the white text of buttons."""


def header(title: str, says: str) -> None:
    """Show a page's name and what it is for."""
    st.html(_ROOM)
    st.title(title, anchor=False)
    st.markdown(says)


def disclaimer() -> None:
    """Show, where no scrolling hides it, that no answer is a diagnosis."""
    with st.bottom:
        st.markdown(f":material/info: **{DISCLAIMER}**")


def section(title: str) -> None:
    """Begin a part of a page."""
    st.header(title, anchor=False)


def nothing_yet(words: str) -> None:
    """Show that there is nothing to show, and how there would be."""
    st.info(words, icon=":material/inbox:")
