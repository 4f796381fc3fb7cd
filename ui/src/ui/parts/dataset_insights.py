"""The stored images in charts: how many, which, how bright, how much structure."""

from collections.abc import Mapping, Sequence

import streamlit as st

from pneumo import Client, DatasetInsights, PneumoError, UnauthorizedError
from pneumo.insights import Samples, Spread
from ui.core.figures.dataset import class_counts, intensity_histogram, spreads
from ui.core.wording import class_rows, count_of, number, percent
from ui.parts.charts import chart
from ui.parts.page import nothing_yet, section

_LOOK_AGAIN_S = 3.0


def dataset_insights_part(client: Client) -> None:
    """Show the four looks at the data set."""
    with st.spinner("Images are measured …"):
        insights = client.dataset_insights()
    if not insights.images:
        nothing_yet(
            "No labelled image yet: upload some on the page Retrain. What the model in service "
            "learned from is under “A model”."
        )
        return
    _scope(insights)
    _counts(insights)
    _samples(client, insights)
    left, right = st.columns(2, gap="large")
    with left:
        _intensity(insights)
    with right:
        _edges(insights)
    if not insights.complete:
        _measure_on()


def _scope(insights: DatasetInsights) -> None:
    left_out = f", {insights.left_out:,} could not be" if insights.left_out else ""
    st.caption(
        f"{count_of(insights.images, 'usable image')}; measured: {insights.measured:,}{left_out}."
    )


def _counts(insights: DatasetInsights) -> None:
    if insights.distribution is None:
        return
    section("Classes")
    counts = insights.distribution.counts
    chart(
        class_counts(insights.classes, counts),
        key="insights-counts",
        says=insights.distribution.interpretation,
        numbers=class_rows(insights.classes, counts),
    )


def _samples(client: Client, insights: DatasetInsights) -> None:
    if insights.samples is None:
        return
    section("Samples of each class")
    st.markdown(insights.samples.interpretation)
    try:
        for name, shas in zip(insights.classes, insights.samples.images, strict=True):
            _row_of_samples(client, insights.samples, name, shas)
    except UnauthorizedError:
        st.info(
            "The pictures are somebody's radiographs: they are only shown to a key with the scope "
            "`admin`, which this UI was not given.",
            icon=":material/lock:",
        )


def _row_of_samples(client: Client, samples: Samples, name: str, shas: Sequence[str]) -> None:
    st.subheader(name, anchor=False)
    with st.container(horizontal=True, gap="small"):
        for place, sha256 in enumerate(shas, 1):
            try:
                body = client.thumbnail(sha256)
            except UnauthorizedError:
                raise
            except PneumoError as error:
                st.caption(str(error))
            else:
                st.image(body, width=120, alt=f"{name}, sample {place}")
    if not shas and samples.available:
        st.caption("None of this class.")


def _intensity(insights: DatasetInsights) -> None:
    intensity = insights.intensity
    if intensity is None:
        return
    section("Pixel intensity")
    chart(
        intensity_histogram(intensity),
        key="insights-intensity",
        says=intensity.interpretation,
        numbers=_spread_rows(intensity.classes, intensity.spreads, percents=False),
    )


def _edges(insights: DatasetInsights) -> None:
    edges = insights.edge_density
    if edges is None:
        return
    section("Edge density")
    chart(
        spreads(edges.classes, edges.spreads, x="share of pixels on an edge", percent=True),
        key="insights-edges",
        says=edges.interpretation,
        numbers=_spread_rows(edges.classes, edges.spreads, percents=True),
    )


def _spread_rows(
    classes: Sequence[str], measured: Sequence[Spread], *, percents: bool
) -> list[Mapping[str, object]]:
    def said(value: float) -> str:
        return percent(value, 2) if percents else f"{value:.1f}"

    return [
        {
            "Class": name,
            "Pictures": number(spread.pictures),
            "Mean": said(spread.mean),
            "Deviation": said(spread.deviation),
            "Middle half": f"{said(spread.quartiles[0])} to {said(spread.quartiles[2])}",
        }
        for name, spread in zip(classes, measured, strict=True)
    ]


@st.fragment(run_every=_LOOK_AGAIN_S)
def _measure_on() -> None:
    st.caption("More images are being measured; this page fills by itself.")
    if st.session_state.get("insights-waited"):
        del st.session_state["insights-waited"]
        st.rerun()
    st.session_state["insights-waited"] = True
