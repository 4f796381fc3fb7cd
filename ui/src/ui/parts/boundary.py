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
            f"{what} cannot be shown: {error.detail} The UI's API key (PNEUMO_API_KEY) does not "
            "permit it.",
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
            f"{what} cannot be shown because of an error in the UI. See the UI's log; other "
            "services are not affected.",
            icon=":material/bug_report:",
        )


def gateway_away(client: Client, error: ConnectionFailedError) -> None:
    """Say that the gateway cannot be reached, and go on as soon as it can."""
    st.error(f"**Cannot reach the gateway.** {error}", icon=":material/cloud_off:")
    st.markdown(
        "Retrying every two seconds. Check `make status` and the gateway's address (`PNEUMO_URL`)."
    )
    _come_back(client)


@st.fragment(run_every=_LOOK_AGAIN_S)
def _come_back(client: Client) -> None:
    try:
        client.health()
    except PneumoError:
        st.caption("Retrying …")
    else:
        st.rerun()


def away_for_now(what: str, error: UnavailableError) -> None:
    """Say that a part of the system is away, and offer to look again."""
    st.warning(f"{what} is temporarily unavailable: {error.detail}", icon=":material/cloud_off:")
    if error.code == "registry_unavailable":
        st.caption("Predictions and the Status page do not need the registry and still work.")
    if st.button("Retry", key=f"again-{what}"):
        st.rerun()
