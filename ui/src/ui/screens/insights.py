"""What the labelled images look like, and how well a model answers."""

import streamlit as st

from pneumo import Client
from ui.parts.boundary import boundary
from ui.parts.dataset_insights import dataset_insights_part
from ui.parts.model_insights import model_insights_part
from ui.parts.page import header
from ui.settings import Settings

_DATA, _MODEL = "The labelled images", "A model"


def show(client: Client, settings: Settings) -> None:  # noqa: ARG001  every page is called alike
    """Show the page; only what is looked at is asked for."""
    header(
        "Insights",
        "What the data and the model are like. Numbers and words come from the server.",
    )
    about = st.segmented_control(
        "About", [_DATA, _MODEL], default=_DATA, required=True, key="insights-about"
    )
    if about == _DATA:
        with boundary(client, "What the labelled images look like"):
            dataset_insights_part(client)
    else:
        with boundary(client, "How well a model answers"):
            model_insights_part(client)
