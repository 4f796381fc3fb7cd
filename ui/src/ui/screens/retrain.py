"""Teach the system: labelled images in, a job, its gate, and the model that comes of it."""

import streamlit as st

from pneumo import Client
from ui.parts.boundary import boundary
from ui.parts.dataset import dataset_part
from ui.parts.jobs import history_part, job_part, start_part
from ui.parts.models import models_part
from ui.parts.page import header, section
from ui.parts.uploads import upload_part
from ui.settings import Settings


def show(client: Client, settings: Settings) -> None:
    """Show the page."""
    header(
        "Retrain",
        "Add labelled images, start a training, and decide on the model that comes of it.",
    )
    left, right = st.columns(2, gap="large")
    with left:
        section("Add images")
        with boundary(client, "The form for images"):
            upload_part(client, settings)
    with right:
        section("What the data set holds")
        with boundary(client, "The data set"):
            dataset_part(client)
    section("Train")
    with boundary(client, "Trainings"):
        start_part(client)
        job_part(client)
    section("Models")
    with boundary(client, "Models"):
        models_part(client)
    section("Jobs so far")
    with boundary(client, "The history of jobs"):
        history_part(client)
