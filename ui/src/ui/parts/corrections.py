"""Corrections of labelled images: conflicts decided, and the last upload taken back."""

import streamlit as st

from pneumo import Client, DatasetImage, ImageFilter, PneumoError, UploadReport

_SHOWN = 20
_SHORT_SHA256 = 12
_ASKED = "upload-take-back-asked"
_DONE = "upload-taken-back"


def conflicts_part(client: Client) -> None:
    """List the images that were uploaded under two labels, each with a choice of its labels."""
    page = client.list_images(ImageFilter(only_conflicts=True), limit=_SHOWN)
    for image in page.images:
        _conflict(client, image)
    if page.next is not None:
        st.caption(f"Only the newest {_SHOWN} are listed; decide on these to see the others.")


def _conflict(client: Client, image: DatasetImage) -> None:
    name, label, go = st.columns([3, 3, 2], vertical_alignment="bottom")
    name.markdown(f"`{image.sha256[:_SHORT_SHA256]}` from {image.source}")
    chosen: str | None = label.selectbox(
        "Label",
        [image.label, *image.conflict],
        index=None,
        placeholder="Choose its label",
        key=f"conflict-{image.sha256}",
    )
    is_open = chosen is None
    if go.button("Decide", key=f"decide-{image.sha256}", disabled=is_open, width="stretch"):
        try:
            client.relabel(image.sha256, str(chosen))
        except PneumoError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.rerun()


def take_back_part(client: Client, report: UploadReport, forget_key: str) -> None:
    """Offer to delete what this upload stored. forget_key: of the report in the session."""
    ids = tuple(dict.fromkeys(each.upload_id for each in report.accepted if each.upload_id))
    if not ids:
        return
    if st.button("Take the last upload back", icon=":material/undo:"):
        st.session_state[_ASKED] = ids
    if st.session_state.get(_ASKED) == ids:
        _confirm(client, ids, forget_key)


def taken_back_message() -> None:
    """Show once what came of taking an upload back."""
    if said := st.session_state.pop(_DONE, None):
        st.success(said, icon=":material/check:")


def _confirm(client: Client, ids: tuple[str, ...], forget_key: str) -> None:
    st.warning(
        "The images that this upload stored are deleted. Images that were stored before it stay. "
        "This cannot be undone.",
        icon=":material/delete:",
    )
    yes, no = st.columns(2)
    if no.button("Keep them", width="stretch"):
        del st.session_state[_ASKED]
        st.rerun()
    if yes.button("Delete them", type="primary", width="stretch"):
        try:
            deleted = sum(_delete(client, upload_id) for upload_id in ids)
        except PneumoError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.session_state[_DONE] = f"The upload was taken back; images deleted: {deleted:,}."
        del st.session_state[_ASKED], st.session_state[forget_key]
        st.rerun()


def _delete(client: Client, upload_id: str) -> int:
    deleted = 0
    while True:
        step = client.delete_images(ImageFilter(upload_id=upload_id))
        deleted += step.deleted
        if not step.left or not step.deleted:
            return deleted
