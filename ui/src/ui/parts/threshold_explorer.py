"""What another threshold would do, and what that means where findings are rarer."""

import streamlit as st

from pneumo import Client
from pneumo.insights import Judged, Target
from ui.core.figures.model import threshold_curves
from ui.core.thresholds import counts_at, figures_at, nearest, predictive_note, sentence_at
from ui.parts.boundary import boundary
from ui.parts.charts import chart, table

_DEFAULT = 0.5


def threshold_explorer(client: Client, version: str, judged: Judged, target: Target) -> None:
    """Show the explorer of one question, if the answer has what it needs."""
    if target.thresholds is None:
        return
    st.subheader("Threshold explorer", anchor=False)
    with boundary(client, "The threshold explorer"):
        _explorer(client, version, judged, target)


@st.fragment
def _explorer(client: Client, version: str, judged: Judged, target: Target) -> None:
    elsewhere = st.toggle(
        "Predictive values where findings are rarer or more frequent",
        key="explorer-elsewhere",
        help="PPV and NPV depend on how frequent a finding is; sensitivity and specificity do not.",
    )
    if elsewhere:
        percent = st.slider(
            "Share of pictures with it", 1, 99, 10, 1, "%d %%", key="explorer-share"
        )
        judged, target = _there(client, version, judged, target, percent / 100)
    thresholds = target.thresholds
    assert thresholds is not None
    chosen = None if target.chosen is None else target.chosen.threshold
    wanted = st.slider(
        "Threshold",
        0.0,
        1.0,
        round(_DEFAULT if chosen is None else chosen, 2),
        0.01,
        key=f"explorer-threshold-{version}-{target.name}",
    )
    place = nearest(thresholds, wanted)
    with st.container(horizontal=True, gap="medium"):
        for name, value in figures_at(thresholds, place):
            st.metric(name, value, border=True)
    chart(
        threshold_curves(thresholds, at=thresholds.threshold[place], chosen=chosen),
        key="explorer-curves",
        says=f"{sentence_at(target, place)} {predictive_note(judged.prevalence)}",
    )
    table(counts_at(thresholds, place), alt="Counts at this threshold")


def _there(
    client: Client, version: str, judged: Judged, target: Target, prevalence: float
) -> tuple[Judged, Target]:
    """Ask for the same with the predictive values of another place."""
    elsewhere = client.model_insights(version, prevalence=prevalence).validation
    if elsewhere is None:
        return judged, target
    same = next((each for each in elsewhere.targets if each.name == target.name), target)
    return elsewhere, same
