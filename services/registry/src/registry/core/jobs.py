"""A training job's life: who may do what to it, and what follows.

queued → running ⇄ evaluating → succeeded, rejected, failed or cancelled. A holder's lease that has
run out makes the job claimable again; MAX_ATTEMPTS such losses, then it has failed. A holder that
shuts down releases its job first: it is queued again, and the attempt does not count as lost.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from registry.core.lease import Lease
from registry.core.refusals import Refuse, RegistryCode
from shared.contracts.errors import ErrorCode
from shared.contracts.train import (
    TERMINAL_STATES,
    Claim,
    Job,
    JobReport,
    Mode,
    NewJob,
    TrainEvent,
    TrainModel,
)
from shared.contracts.train import JobOutcome as Outcome

MAX_ATTEMPTS = 3
MAX_METRICS = 256
MAX_METRIC_NAME = 128

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SEEDS = range(2**32)


@dataclass(frozen=True, slots=True)
class KeptJob:
    """A job as it is kept: what the world sees, its lease, and the outcome as it was reported.

    releases: attempts that ended with a release, so were not lost.
    """

    job: Job
    lease: Lease | None = None
    outcome: Outcome | None = None
    releases: int = 0


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is answered, and what changes with it.

    save: the job as it is from now on; None: nothing changes. tells: the change is an event.
    """

    answer: Job | Refuse
    save: KeptJob | None = None
    tells: bool = False


def command_of(job: Job) -> TrainModel:
    """Give the command that tells trainers of a new job."""
    return TrainModel(
        id=job.id,
        mode=job.mode,
        policy=job.policy,
        seed=job.seed,
        requested_at_ms=job.requested_at_ms,
    )


def event_of(job: Job) -> TrainEvent:
    """Give the event that tells where a job stands."""
    return TrainEvent(
        id=job.id,
        state=job.state,
        phase=job.phase,
        progress=job.progress,
        seconds_left=job.seconds_left,
        metrics=job.metrics,
        curves=job.curves,
        gate=job.gate,
        model_version=job.model_version,
        error=job.error,
        at_ms=job.updated_at_ms,
    )


def refuse_unfit(new: NewJob) -> Refuse | None:
    """Refuse a request whose id could be mistaken for something else, or whose seed for no seed."""
    if _UUID.fullmatch(new.id) is None:
        return Refuse(ErrorCode.MALFORMED_REQUEST, "The id of a job is a UUID in lower case.")
    if new.seed not in _SEEDS:
        return Refuse(ErrorCode.MALFORMED_REQUEST, "A seed is a number from 0 to 2**32 - 1.")
    return None


def refuse_too_many(mode: Mode, open_jobs: int, max_open_jobs: int) -> Refuse | None:
    """Refuse another job of a mode that has so many which have not ended."""
    if open_jobs < max_open_jobs:
        return None
    return Refuse(
        RegistryCode.TOO_MANY_JOBS,
        f"{open_jobs} jobs of mode {mode} have not ended; at most {max_open_jobs} may wait or run."
        " Wait for one to end, or cancel one.",
    )


def new_job(new: NewJob, now_ms: int) -> KeptJob:
    """Queue a job."""
    return KeptJob(
        Job(
            id=new.id,
            mode=new.mode,
            policy=new.policy,
            seed=new.seed,
            state="queued",
            requested_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
    )


def decide_repetition(new: NewJob, existing: Job) -> Job | Refuse:
    """Answer a request whose id is taken: the same body is the same job."""
    body = NewJob(id=existing.id, mode=existing.mode, policy=existing.policy, seed=existing.seed)
    if body == new:
        return existing
    return Refuse(ErrorCode.CONFLICT, f"Job {new.id} was requested with another body.")


def is_terminal(kept: KeptJob) -> bool:
    """Tell whether the job has ended."""
    return kept.job.state in TERMINAL_STATES


def decide_cancellation(kept: KeptJob, now_ms: int) -> Ruling:
    """Cancel at once what nobody works on; else ask the holder, once."""
    if is_terminal(kept):
        return Ruling(_has_ended(kept))
    if not _is_held(kept, now_ms):
        return _changed(_end(kept, now_ms, state="cancelled"))
    if kept.job.cancel_requested:
        return Ruling(kept.job)
    return _changed(replace(kept, job=_with(kept.job, now_ms, cancel_requested=True)))


def decide_claim(kept: KeptJob, claim: Claim, now_ms: int) -> Ruling:
    """Give the job to a trainer.

    A holder may claim its own job again, which is an attempt like any other: a trainer that dies
    each time under the same name must come to its last attempt too.
    """
    job = kept.job
    if is_terminal(kept):
        return Ruling(_has_ended(kept))
    if kept.lease and kept.lease.holder != claim.holder and _is_held(kept, now_ms):
        return Ruling(Refuse(RegistryCode.LEASE_HELD, f"Another trainer works on job {job.id}."))
    ended: KeptJob | None = None
    if job.cancel_requested:  # the holder that was asked has died without an answer
        ended = _end(kept, now_ms, state="cancelled")
    elif job.attempt - kept.releases >= MAX_ATTEMPTS:
        error = f"Given up: {MAX_ATTEMPTS} attempts ended without an outcome."
        ended = _end(kept, now_ms, state="failed", error=error)
    if ended is not None:
        return Ruling(_has_ended(ended), save=ended, tells=True)
    taken = _with(
        job, now_ms, state="running", attempt=job.attempt + 1, phase="", seconds_left=None
    )
    return _changed(replace(kept, job=taken, lease=_lease(claim, now_ms)))


def decide_release(kept: KeptJob, holder: str, now_ms: int) -> Ruling:
    """Queue the job again: its holder shuts down. The attempt keeps its number and is not lost."""
    if not _holds(kept, holder):
        return Ruling(_lease_lost(kept))
    if kept.job.cancel_requested:
        return _changed(_end(kept, now_ms, state="cancelled"))
    job = _with(kept.job, now_ms, state="queued", phase="", seconds_left=None)
    return _changed(replace(kept, job=job, lease=None, releases=kept.releases + 1))


def decide_report(kept: KeptJob, report: JobReport, now_ms: int) -> Ruling:
    """Renew the holder's lease, and keep what it says; also late, if nobody took over."""
    if not _holds(kept, report.holder):
        return Ruling(_lease_lost(kept))
    metrics = {**kept.job.metrics, **report.metrics}
    if _are_too_many(metrics):
        return Ruling(_too_many_metrics())
    job = _with(
        kept.job,
        now_ms,
        state=report.state,
        phase=report.phase,
        progress=report.progress,
        seconds_left=report.seconds_left,
        metrics=metrics,
        curves=report.curves or kept.job.curves,
    )
    after = replace(kept, job=job, lease=_lease(report, now_ms))
    # Trainers publish their progress themselves; only a change of state is the registry's word.
    return Ruling(job, save=after, tells=job.state != kept.job.state)


def decide_outcome(kept: KeptJob, outcome: Outcome, now_ms: int) -> Ruling:
    """End the job as its holder says; the same outcome again is answered and changes nothing.

    Once somebody has asked to cancel, nothing succeeds any more: the model stays a candidate.
    """
    if kept.outcome is not None and kept.outcome == outcome:
        return Ruling(kept.job)
    if not _holds(kept, outcome.holder):
        return Ruling(_lease_lost(kept))
    wrong = _find_wrong(outcome)
    if wrong is not None:
        return Ruling(Refuse(ErrorCode.MALFORMED_REQUEST, wrong))
    metrics = {**kept.job.metrics, **outcome.metrics}
    if _are_too_many(metrics):
        return Ruling(_too_many_metrics())
    is_late = kept.job.cancel_requested and outcome.state == "succeeded"
    ended = _end(
        kept,
        now_ms,
        state="cancelled" if is_late else outcome.state,
        progress=1.0 if outcome.state in ("succeeded", "rejected") else kept.job.progress,
        metrics=metrics,
        gate=outcome.gate,
        model_version=outcome.model_version,
        error=outcome.error,
    )
    return _changed(replace(ended, outcome=outcome))


def is_promoted_now(job: Job, current_version: str | None) -> bool:
    """Tell whether an ended job's model becomes current by itself.

    Not if another model than the one it was compared with is current by now: nobody has compared
    these two.
    """
    return (
        job.policy == "auto"
        and job.state == "succeeded"
        and job.gate is not None
        and job.gate.accepted
        and job.gate.current_version == current_version
    )


def _find_wrong(outcome: Outcome) -> str | None:
    accepted = None if outcome.gate is None else outcome.gate.accepted
    match outcome.state:
        case "succeeded" if outcome.model_version is None or accepted is not True:
            return "A job succeeds with a model version and an accepting gate."
        case "rejected" if accepted is not False:
            return "A job is rejected by a refusing gate."
        case "failed" if not outcome.error:
            return "A failed job has an error."
        case _:
            return None


def _are_too_many(metrics: Mapping[str, float]) -> bool:
    # All of them travel in one event, and an event that no broker takes would stop those behind it.
    return len(metrics) > MAX_METRICS or any(len(name) > MAX_METRIC_NAME for name in metrics)


def _is_held(kept: KeptJob, now_ms: int) -> bool:
    return kept.lease is not None and now_ms < kept.lease.until_ms


def _holds(kept: KeptJob, holder: str) -> bool:
    return not is_terminal(kept) and kept.lease is not None and kept.lease.holder == holder


def _lease(asked: Claim | JobReport, now_ms: int) -> Lease:
    return Lease(asked.holder, now_ms + round(asked.ttl_s * 1000))


def _end(kept: KeptJob, now_ms: int, **changes: Any) -> KeptJob:
    job = _with(kept.job, now_ms, phase="", seconds_left=None, **changes)
    return KeptJob(job, releases=kept.releases)


def _with(job: Job, now_ms: int, **changes: Any) -> Job:
    # Also with a clock set back, a later state never looks older than the one before.
    return job.model_copy(update={**changes, "updated_at_ms": max(now_ms, job.updated_at_ms)})


def _changed(after: KeptJob) -> Ruling:
    return Ruling(after.job, save=after, tells=True)


def _has_ended(kept: KeptJob) -> Refuse:
    return Refuse(ErrorCode.CONFLICT, f"Job {kept.job.id} has ended: it is {kept.job.state}.")


def _lease_lost(kept: KeptJob) -> Refuse:
    return Refuse(
        RegistryCode.LEASE_LOST,
        f"Job {kept.job.id} is {kept.job.state}, and not with this holder.",
    )


def _too_many_metrics() -> Refuse:
    return Refuse(
        ErrorCode.MALFORMED_REQUEST,
        f"A job has at most {MAX_METRICS} metrics, with names of at most {MAX_METRIC_NAME} signs.",
    )
