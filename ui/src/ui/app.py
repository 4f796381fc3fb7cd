"""What Streamlit runs for every session and every click: the page that was chosen."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pneumo import Client
from ui.adapters.gateway import new_client
from ui.parts.boundary import boundary
from ui.parts.page import ABOUT, disclaimer
from ui.screens import insights, predict, retrain, status
from ui.settings import Settings

_ICON = Path(__file__).with_name("icon.png")
Show = Callable[[Client, Settings], None]


@st.cache_resource(max_entries=4, hash_funcs={Settings: lambda settings: settings.url})
def _client(settings: Settings) -> Client:
    return new_client(settings)


def main() -> None:
    """Show the page that was chosen."""
    # Before the navigation, which else has the browser ask a font server for the page's icon.
    st.set_page_config(page_icon=str(_ICON), layout="wide", menu_items={"About": ABOUT})
    settings = Settings()
    client = _client(settings)

    def page(title: str, icon: str, show: Show, *, default: bool = False) -> StreamlitPage:
        return st.Page(
            partial(show, client, settings),
            title=title,
            icon=f":material/{icon}:",
            url_path=title.lower(),
            default=default,
        )

    pages = [
        page("Predict", "radiology", predict.show, default=True),
        page("Retrain", "model_training", retrain.show),
        page("Insights", "query_stats", insights.show),
        page("Status", "monitor_heart", status.show),
    ]
    chosen = st.navigation(pages, position="top")
    st.set_page_config(f"{chosen.title} · PneumoStream")
    disclaimer()
    with boundary(client, "This page"):
        chosen.run()


main()
