"""Training jobs: start, progress, gate, history."""

from collections.abc import Sequence
from uuid import uuid4

import streamlit as st

from pneumo import ApiError, Client, ConflictError, Job, PneumoError
from ui.core.figures.model import training_curves
from ui.core.gates import gate_checks, gate_figures, gate_sentence
from ui.core.jobs import (
    MODE_CAPTIONS,
    NO_FULL,
    curves_of,
    job_rows,
    metric_rows,
    modes_to_choose,
    standing,
    verdict_on,
)
from ui.parts.charts import chart, table
from ui.parts.page import nothing_yet

_KEY = "job-key"
_WATCH_S = 1.0
_LISTED = 20
_ABOUT_FIGURES = (
    "“Finding or not” counts every class other than the reference as one: an image of one finding "
    "that is taken for another counts as right there, and as wrong over all classes."
)


def start_part(client: Client) -> None:
    """Show the form that starts a job; disabled while one is open."""
    is_busy = any(not job.has_ended for job in client.jobs(limit=1))
    with st.form("job-form", border=True):
        mode, policy = st.columns(2)
        with mode:
            chosen_mode = _mode(client.job_modes())
        chosen_policy = policy.radio(
            "If the gate accepts the candidate",
            ["manual", "auto"],
            format_func={"manual": "wait for me", "auto": "promote it"}.__getitem__,
            captions=["promote it later, under Models", "workers load it without further action"],
            key="job-policy",
        )
        seed = st.number_input("Seed", 0, 2**32 - 1, 0, key="job-seed")
        label = "A job is running" if is_busy else "Start training"
        if st.form_submit_button(
            label, type="primary", icon=":material/play_arrow:", disabled=is_busy
        ):
            _start(client, chosen_mode, str(chosen_policy), int(seed))


def _mode(offered: Sequence[str] | None) -> str:
    modes = modes_to_choose(offered)
    chosen = st.radio(
        "Mode", modes, captions=[MODE_CAPTIONS[mode] for mode in modes], key="job-mode"
    )
    if "full" not in modes:
        st.caption(NO_FULL)
    return chosen


def _start(client: Client, mode: str, policy: str, seed: int) -> None:
    # One key until it has worked: a second click is the same job, not a second one.
    key = st.session_state.setdefault(_KEY, str(uuid4()))
    try:
        client.create_job(
            mode="full" if mode == "full" else "fast",
            policy="auto" if policy == "auto" else "manual",
            seed=seed,
            idempotency_key=key,
        )
    except ApiError as error:
        if isinstance(error, ConflictError):
            del st.session_state[_KEY]
        st.error(str(error), icon=":material/error:")
        return
    del st.session_state[_KEY]
    st.rerun()


def job_part(client: Client) -> None:
    """Show the newest job: live while it runs, then with its verdict."""
    jobs = client.jobs(limit=1)
    if not jobs:
        nothing_yet("No job yet. A job needs at least 20 new labelled images.")
    elif jobs[0].has_ended:
        _ended(client, jobs[0])
    else:
        _live(client, jobs[0].id)


@st.fragment(run_every=_WATCH_S)
def _live(client: Client, id_: str) -> None:
    try:
        job = client.job(id_)
    except PneumoError as error:
        st.warning(f"The job's state is temporarily unavailable: {error}")
        return
    if job.has_ended:
        st.rerun()
    st.progress(min(1.0, max(0.0, job.progress)), standing(job))
    _curves(job)
    _measured(job)
    if st.button("Cancel the job", disabled=job.cancel_requested, icon=":material/stop:"):
        try:
            client.cancel(id_)
        except PneumoError as error:
            st.warning(str(error))


def _ended(client: Client, job: Job) -> None:
    verdict = verdict_on(job, client.models())
    say = {"success": st.success, "warning": st.warning, "error": st.error}[verdict.kind]
    say(verdict.text, icon=":material/flag:")
    _curves(job)
    if job.gate is None:
        _measured(job)
        return
    st.subheader("Gate: current model and candidate", anchor=False)
    st.markdown(gate_sentence(job.gate))
    figures, checks = st.columns(2, gap="large")
    with figures:
        table(gate_figures(job.gate), alt="Figures of the current model and of the candidate")
        st.caption(_ABOUT_FIGURES)
    with checks:
        table(gate_checks(job.gate), alt="Conditions of the gate")


def _curves(job: Job) -> None:
    curves = curves_of(job.curves)
    if curves is None:
        return
    loss, accuracy = training_curves(curves)
    left, right = st.columns(2)
    with left:
        chart(loss, key=f"job-loss-{job.id}", says="Loss, epoch by epoch.")
    with right:
        chart(accuracy, key=f"job-accuracy-{job.id}", says="Accuracy on validation pictures.")


def _measured(job: Job) -> None:
    rows = metric_rows(job.metrics)
    if rows:
        with st.expander("Measured so far"):
            table(rows)


def history_part(client: Client) -> None:
    """Show the newest jobs."""
    jobs = client.jobs(limit=_LISTED)
    if jobs:
        table(job_rows(jobs), alt="Jobs, newest first")
    else:
        nothing_yet("No jobs yet.")
