"""Labelled images on their way in: pictures of one class, or a ZIP with a folder a class."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pneumo import ApiError, Client, UploadReport
from ui.core.jobs import upload_sentence
from ui.parts.charts import table
from ui.parts.corrections import take_back_part, taken_back_message
from ui.settings import Settings

_REPORT = "upload-report"
_ROUND = "upload-round"
_REFUSED_PX = 300
_MIB = 1024 * 1024
Progress = Callable[[int, int], None]


def upload_part(client: Client, settings: Settings) -> None:
    """Show both ways, and what came of the last upload."""
    classes = client.current_model().classes or ()
    one_class, archive = st.tabs(["Images of one class", "A ZIP"])
    with one_class:
        _images(client, settings, classes)
    with archive:
        _zip(client, settings)
    _last_report(client)


def _images(client: Client, settings: Settings, classes: Sequence[str]) -> None:
    label = st.selectbox(
        "Class",
        classes,
        index=None,
        accept_new_options=True,
        placeholder="Choose one, or type a new one",
        key="upload-label",
    )
    is_new = label is not None and label not in classes
    meant = not is_new or st.checkbox(
        f"{label} is meant to be a new class: the model does not know it yet", key="upload-new"
    )
    files = st.file_uploader(
        "Images of this class",
        accept_multiple_files=True,
        max_upload_size=settings.max_upload_mib,
        key=f"upload-files-{_round()}",
    )
    why = _what_is_missing(label, files, meant=meant)
    if why:
        st.caption(why)
    if st.button("Upload images", type="primary", disabled=bool(why), key="upload-go"):
        assert label is not None
        label_ = label
        _send(
            lambda progress: client.upload(
                files,
                label_,
                new_class=is_new,
                source="ui",
                progress=progress,
                timeout_s=settings.upload_timeout_s,
            )
        )


def _zip(client: Client, settings: Settings) -> None:
    st.markdown(
        "A ZIP with one folder for each class: `NORMAL/…`, `viral/…`; a folder around them is fine."
    )
    archive = st.file_uploader(
        "ZIP of labelled images",
        type="zip",
        max_upload_size=settings.max_upload_mib,
        key=f"upload-zip-{_round()}",
    )
    new = st.checkbox("It may hold classes that the model does not know yet", key="upload-zip-new")
    if archive is None:
        st.caption("Choose a ZIP.")
    if st.button("Upload ZIP", type="primary", disabled=archive is None, key="upload-zip-go"):
        assert archive is not None
        _send_zip(client, settings, archive, new_class=new)


def _send_zip(
    client: Client, settings: Settings, archive: UploadedFile, *, new_class: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labelled.zip"
        path.write_bytes(archive.getbuffer())
        _send(
            lambda progress: client.upload_zip(
                path,
                new_class=new_class,
                source="ui",
                progress=progress,
                timeout_s=settings.upload_timeout_s,
            )
        )


def _send(upload: Callable[[Progress], UploadReport]) -> None:
    """Upload with a bar that moves; then begin with an empty form."""
    bar = st.progress(0.0, "Sending …")

    def progress(sent: int, total: int) -> None:
        share = min(1.0, sent / total) if total else 1.0
        bar.progress(share, f"{sent / _MIB:.1f} of {total / _MIB:.1f} MiB sent")

    try:
        report = upload(progress)
    except ApiError as error:
        if not error.rejected and not error.accepted:
            bar.empty()
            st.error(str(error), icon=":material/error:")
            return
        report = UploadReport(accepted=error.accepted, rejected=error.rejected)
    st.session_state[_REPORT] = report
    st.session_state[_ROUND] = _round() + 1
    st.rerun()


def _last_report(client: Client) -> None:
    taken_back_message()
    report: UploadReport | None = st.session_state.get(_REPORT)
    if report is None:
        return
    say = st.success if not report.rejected else st.warning
    say(upload_sentence(report), icon=":material/upload:")
    if report.rejected:
        refused = [
            {"File": each.filename or "?", "Why": f"{each.detail} ({each.code})"}
            for each in report.rejected
        ]
        table(refused, height=_REFUSED_PX if len(refused) > 6 else "content")  # noqa: PLR2004
    take_back_part(client, report, _REPORT)


def _what_is_missing(label: str | None, files: Sequence[UploadedFile], *, meant: bool) -> str:
    if label is None:
        return "Choose the class that the images show."
    if not meant:
        return "Say that the new class is meant, or choose one that is known."
    return "" if files else f"Choose images of {label}."


def _round() -> int:
    """Give the number of the form: a new number is a new, empty form."""
    return int(st.session_state.get(_ROUND, 0))
