"""Request predictions for radiographs, and show them."""

from collections.abc import Mapping, Sequence

import streamlit as st
from PIL.Image import Image

from pneumo import Client, Prediction
from ui.adapters.gateway import ChosenImage, ask_all
from ui.adapters.samples import find_samples
from ui.core.explanations import overlay_of, place_of, preview_of
from ui.core.figures.prediction import probability_bars
from ui.core.pictures import Unseen, as_jpeg, lay_over, read_picture
from ui.core.predictions import (
    Asked,
    as_csv,
    cautions,
    failures,
    probability_name,
    rows,
    summary,
)
from ui.core.wording import count_of, percent
from ui.parts.boundary import boundary
from ui.parts.charts import chart, table
from ui.parts.page import header, nothing_yet
from ui.settings import Settings

_MAX_FILE_MIB = 64
"""What the gateway takes of a DICOM file; the browser refuses more."""
_MAX_FILES = 200
_TABLE_ROWS = 12
_TABLE_PX = 480
_ROUND = "predict-round"
_KEPT = "predict-kept"
_ANSWERS = "predict-answers"
_PICTURE = "predict-picture"
_PRIVACY = (
    "No image yet. Images and answers stay in this browser tab until you clear them or close it. "
    "The system keeps each image for ten minutes in its Kafka topic, on the server's disk."
)

Answers = dict[tuple[str, bool], Asked]


def show(client: Client, settings: Settings) -> None:
    """Show the page."""
    header("Predict", "Upload one radiograph, or many, and read the current model's answer.")
    st.file_uploader(
        "Radiographs: JPEG, PNG, WebP, BMP, TIFF or GIF up to 8 MiB, DICOM up to 64 MiB",
        accept_multiple_files=True,
        max_upload_size=min(_MAX_FILE_MIB, settings.max_upload_mib),
        key=_uploader_key(),
        on_change=_keep_chosen_files,
    )
    explain = st.toggle(
        "Show where the evidence is",
        value=True,
        key="predict-explain",
        help="Requests a heat map with each answer; this takes slightly longer.",
    )
    pictures: Sequence[ChosenImage] = st.session_state.get(_KEPT, ())
    if not pictures:
        nothing_yet(_PRIVACY)
        _offer_samples(settings)
        return
    with boundary(client, "Answers"):
        asked = _asked(client, pictures, explain=explain)
        chosen = 0 if len(pictures) == 1 else _many(pictures, asked)
        _one(pictures[chosen], asked[chosen], explain=explain)
    st.button("Clear images and answers", icon=":material/delete:", on_click=_clear)


def _keep_chosen_files() -> None:
    """Keep the chosen files under a key of our own: a widget's value is lost with its page."""
    chosen = st.session_state[_uploader_key()]
    if len(chosen) > _MAX_FILES:
        st.toast(f"Only the first {_MAX_FILES} of {len(chosen)} files are used.")
    st.session_state[_KEPT] = tuple(
        ChosenImage(file.file_id, file.name, file.getvalue()) for file in chosen[:_MAX_FILES]
    )


def _clear() -> None:
    for key in (_KEPT, _ANSWERS, _PICTURE):
        st.session_state.pop(key, None)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def _uploader_key() -> str:
    """Return the uploader's key; a new number makes a new, empty uploader."""
    return f"predict-files-{st.session_state.get(_ROUND, 0)}"


def _offer_samples(settings: Settings) -> None:
    samples = find_samples(settings.samples)
    if not samples:
        return
    st.markdown("No radiograph at hand? Try a composite image; it shows no real patient.")
    with st.container(horizontal=True):
        for sample in samples:
            st.button(sample.filename, on_click=_use_sample, args=(sample,), key=sample.key)


def _use_sample(sample: ChosenImage) -> None:
    st.session_state[_KEPT] = (sample,)


def _asked(client: Client, pictures: Sequence[ChosenImage], *, explain: bool) -> Sequence[Asked]:
    """Return an answer per image, in order; an answered image is not sent again."""
    before: Answers = st.session_state.get(_ANSWERS, {})
    answers = {key: before[key] for p in pictures if (key := (p.key, explain)) in before}
    missing = [picture for picture in pictures if (picture.key, explain) not in answers]
    if missing:
        bar = st.progress(0.0, f"Requesting {count_of(len(missing), 'prediction')} …")
        for done, (picture, answer) in enumerate(ask_all(client, missing, explain=explain), 1):
            answers[picture.key, explain] = answer
            bar.progress(done / len(missing), f"{done} of {len(missing)} answered")
        bar.empty()
    st.session_state[_ANSWERS] = answers
    return [answers[picture.key, explain] for picture in pictures]


def _many(pictures: Sequence[ChosenImage], asked: Sequence[Asked]) -> int:
    failed = [(p, each) for p, each in zip(pictures, asked, strict=True) if each.answer is None]
    st.subheader(f"{count_of(len(asked), 'answer')}", anchor=False)
    if failed:
        st.error(failures([each for _, each in failed]), icon=":material/broken_image:")
    tall = len(asked) > _TABLE_ROWS
    table(rows(asked), height=_TABLE_PX if tall else "content", alt="The answer for each file")
    save, again, _ = st.columns([2, 2, 3])
    save.download_button(
        "Download as CSV",
        as_csv(asked),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
    )
    if failed and again.button("Retry failed files", icon=":material/refresh:", width="stretch"):
        _forget([picture.key for picture, _ in failed])
        st.rerun()
    return int(
        st.selectbox(
            "Show",
            range(len(asked)),
            format_func=lambda n: f"{n + 1}. {asked[n].filename}",
            key="predict-chosen",
        )
    )


def _one(picture: ChosenImage, asked: Asked, *, explain: bool) -> None:
    if asked.answer is None:
        st.error(f"**{picture.filename}**: {asked.problem}", icon=":material/broken_image:")
        if st.button("Try again", key="predict-again", icon=":material/refresh:"):
            _forget([picture.key])
            st.rerun()
        return
    for caution in cautions(asked.answer):
        say = st.error if caution.is_serious else st.warning
        say(caution.text, icon=":material/warning:")
    # On a narrow screen columns are stacked: the answer comes first.
    left, right = st.columns(2, gap="large")
    with left:
        _verdict(asked.answer)
    with right:
        _viewer(picture, asked.answer, explain=explain)


def _verdict(answer: Prediction) -> None:
    title = f"{answer.label} · {percent(answer.confidence)}"
    # Grey where the answer must not be used, so that its size does not speak for it.
    st.subheader(title if answer.in_domain else f":gray[{title}]", anchor=False)
    chart(
        probability_bars(answer.probabilities, answer.label),
        key="predict-bars",
        says=summary(answer),
    )
    table(_numbers(answer), alt=probability_name(answer))
    st.caption(f"Model {answer.model.name} {answer.model.version} · answer {answer.id}")


def _numbers(answer: Prediction) -> list[Mapping[str, str]]:
    name = probability_name(answer)
    return [
        {"Class": class_, name: percent(share, 2)} for class_, share in answer.probabilities.items()
    ]


@st.fragment
def _viewer(picture: ChosenImage, answer: Prediction, *, explain: bool) -> None:
    """Lay the map over the picture; the slider runs this alone, and asks nobody."""
    seen = _picture(picture, answer)
    overlay = overlay_of(answer)
    shown: Image | Unseen = seen
    if overlay is not None:
        opacity = st.slider(
            "Opacity of the heat map", 0, 100, 60, 5, "%d %%", key="predict-opacity"
        )
        drawn = None if isinstance(seen, Unseen) else seen
        shown = lay_over(drawn, overlay, opacity=opacity / 100)
    place = place_of(answer)
    if isinstance(shown, Unseen):
        st.info(shown.reason, icon=":material/hide_image:")
    else:
        described = f"{picture.filename}. {place or ''}".strip()
        st.image(as_jpeg(shown), picture.filename, width="stretch", alt=described)
    if isinstance(seen, Unseen) and shown is not seen:
        st.info(seen.reason, icon=":material/hide_image:")
    if place is not None:
        st.markdown(place)
    elif explain:
        st.caption("This answer came without a heat map.")


def _picture(picture: ChosenImage, answer: Prediction) -> Image | Unseen:
    """Return the decoded image, of a DICOM file the gateway's preview; the last one is kept."""
    kept = st.session_state.get(_PICTURE)
    if kept is None or kept[0] != picture.key:
        kept = (picture.key, read_picture(preview_of(answer) or picture.body))
        st.session_state[_PICTURE] = kept
    decoded: Image | Unseen = kept[1]
    return decoded


def _forget(keys: Sequence[str]) -> None:
    answers: Answers = st.session_state.get(_ANSWERS, {})
    st.session_state[_ANSWERS] = {key: v for key, v in answers.items() if key[0] not in keys}
