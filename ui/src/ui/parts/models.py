"""Model versions, and the two changes of which one is served."""

from collections.abc import Callable, Sequence

import streamlit as st

from pneumo import Client, Model, PneumoError
from ui.core.jobs import current_of, model_rows, promotable
from ui.parts.charts import table
from ui.parts.page import nothing_yet

_DONE = "models-done"


def models_part(client: Client) -> None:
    """Show every version, and the buttons that make another one current."""
    models = client.models()
    if not models:
        nothing_yet("No model yet.")
        return
    if said := st.session_state.pop(_DONE, None):
        st.success(said, icon=":material/check:")
    table(model_rows(models), alt="Model versions, newest first")
    current, others = current_of(models), promotable(models)
    if not others:
        st.caption("There is no other version to promote or to go back to yet.")
        return
    choice, promote, back = st.columns([3, 2, 2], vertical_alignment="bottom")
    version: str | None = choice.selectbox(
        "Version to promote",
        [model.version for model in others],
        format_func=lambda name: _named(name, others),
        # A key for each current version: after a change the preselection is made anew.
        key=f"models-version-{current.version if current else ''}",
    )
    if promote.button(
        "Promote",
        type="primary",
        icon=":material/arrow_upward:",
        disabled=version is None,
        width="stretch",
    ):
        _confirm_promotion(client, str(version))
    if back.button(
        "Roll back",
        icon=":material/undo:",
        disabled=not _can_roll_back(models),
        width="stretch",
    ):
        assert current is not None
        _confirm_rollback(client, current.version)


@st.dialog("Promote this model?")
def _confirm_promotion(client: Client, version: str) -> None:
    st.markdown(
        f"**{version}** becomes the current model: every worker takes it between two batches, and "
        "no request fails. It can be rolled back."
    )
    _decide(f"Promote {version}", lambda: client.promote(version), f"{version} is current now.")


@st.dialog("Roll back?")
def _confirm_rollback(client: Client, current: str) -> None:
    st.markdown(f"The model before **{current}** becomes current again.")
    # With the version that was seen, a second click cannot go a second step back.
    _decide("Roll back", lambda: client.rollback(from_version=current), f"{current} is retired.")


def _decide(label: str, change: Callable[[], Model], done: str) -> None:
    yes, no = st.columns(2)
    if no.button("Leave it as it is", width="stretch"):
        st.rerun()
    if yes.button(label, type="primary", width="stretch"):
        try:
            change()
        except PneumoError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.session_state[_DONE] = done
        st.rerun()


def _named(version: str, models: Sequence[Model]) -> str:
    state = next(model.state for model in models if model.version == version)
    return f"{version} ({state})"


def _can_roll_back(models: Sequence[Model]) -> bool:
    return any(model.state == "retired" for model in models)
