"""What a person sees when something is wrong: words and a way on, never a trace."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pneumo import Client, ConnectionFailedError, PneumoError, UnauthorizedError, UnavailableError
from pneumo import NotFoundError as MissingError

_LOG = logging.getLogger("ui")
_LOOK_AGAIN_S = 2.0
_PATIENCE_S = 2.0


@contextmanager
def boundary(client: Client, what: str) -> Iterator[None]:
    """Show in place of the block what kept it from being shown.

    what: the thing that would be there, as it stands in a sentence. The gateway away: the page says
    so, and comes back by itself. Whatever else is wrong costs its own part of the page only.
    """
    try:
        yield
    except ConnectionFailedError as error:
        gateway_away(client, error)
    except UnauthorizedError as error:
        st.error(
            f"{what} cannot be shown: {error.detail} The key that this UI was given "
            "(PNEUMO_API_KEY) does not open it.",
            icon=":material/lock:",
        )
    except UnavailableError as error:
        away_for_now(what, error)
    except MissingError as error:
        st.info(f"{what}: {error.detail}", icon=":material/search_off:")
    except PneumoError as error:
        st.error(f"{what}: {error}", icon=":material/error:")
    except Exception:  # noqa: BLE001  the one place for what nobody foresaw
        _LOG.exception("%s could not be shown", what)
        st.error(
            f"{what} cannot be shown: something went wrong inside this page. The UI's log has the "
            "reason; the rest of the system is not touched.",
            icon=":material/bug_report:",
        )


def gateway_away(client: Client, error: ConnectionFailedError) -> None:
    """Say that the gateway cannot be reached, and go on as soon as it can."""
    st.error(f"**The gateway is not there.** {error}", icon=":material/cloud_off:")
    st.markdown(
        "Nothing can be asked without it. This page looks again every two seconds and comes back "
        "by itself. If it does not: is the system running (`make status`), and is the address "
        "(`PNEUMO_URL`) the right one?"
    )
    _come_back(client)


@st.fragment(run_every=_LOOK_AGAIN_S)
def _come_back(client: Client) -> None:
    try:
        client.health()
    except PneumoError:
        st.caption("Looking again …")
    else:
        st.rerun()


def away_for_now(what: str, error: UnavailableError) -> None:
    """Say that a part of the system is away, and offer to look again."""
    st.warning(f"{what} cannot be shown just now: {error.detail}", icon=":material/cloud_off:")
    if error.code == "registry_unavailable":
        st.caption("Predictions and the status page do not need the registry: they go on.")
    if st.button("Look again", key=f"again-{what}"):
        st.rerun()
