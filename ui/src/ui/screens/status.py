"""How the system does, looked at again and again."""

from datetime import UTC, datetime

import streamlit as st

from pneumo import Client, Status
from ui.core.status import (
    error_rows,
    headline,
    health_sentence,
    lag_rows,
    lag_sentence,
    worker_rows,
)
from ui.core.wording import moment
from ui.parts.boundary import boundary
from ui.parts.charts import table
from ui.parts.page import header, nothing_yet, section
from ui.settings import Settings


def show(client: Client, settings: Settings) -> None:
    """Show the page."""
    header("Status", f"The system as the gateway at `{client.url}` sees it.")

    @st.fragment(run_every=settings.refresh_s)
    def live() -> None:
        with boundary(client, "The status"):
            _draw(client.status())
            st.caption(
                f"As of {moment(datetime.now(UTC))}; looked at every {settings.refresh_s:g} s."
            )

    live()


def _draw(status: Status) -> None:
    sentence, is_well = health_sentence(status)
    say = st.success if is_well else st.error
    say(sentence, icon=":material/check_circle:" if is_well else ":material/error:")
    with st.container(horizontal=True, gap="medium"):
        for name, value in headline(status):
            st.metric(name, value, border=True)
    section("Workers")
    if status.workers:
        table(worker_rows(status), alt="Workers")
    else:
        nothing_yet("No worker was heard of lately.")
    section("Lag")
    st.markdown(lag_sentence(status))
    if status.lag:
        table(lag_rows(status), alt="Records waiting, by topic and group")
    section("Recent errors")
    if status.errors:
        table(error_rows(status), alt="Errors, newest first")
    else:
        nothing_yet("None since this gateway started.")
