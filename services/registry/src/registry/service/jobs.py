"""Jobs: requested, leased, reported on, ended; with the outcome, the model changes too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from registry.core.dataset import refuse_too_few
from registry.core.job_modes import (
    Offers,
    note_offer,
    offered_modes,
    prolong_offers,
    refuse_unoffered,
)
from registry.core.jobs import (
    KeptJob,
    Ruling,
    command_of,
    decide_cancellation,
    decide_claim,
    decide_outcome,
    decide_release,
    decide_repetition,
    decide_report,
    event_of,
    is_promoted_now,
    new_job,
    refuse_too_many,
    refuse_unfit,
)
from registry.core.lifecycle import refuse_rejection
from registry.core.refusals import Refuse
from registry.core.retraining import MODE, RetrainRules, Situation, decide_retraining
from registry.ports import Event, Store, Transaction
from registry.service.promotion import promote
from shared.clock import Clock
from shared.contracts.errors import ErrorCode
from shared.contracts.topics import TRAIN_COMMANDS, TRAIN_EVENTS
from shared.contracts.train import Claim, Job, JobOutcome, JobReport, Mode, NewJob, Release


@dataclass(frozen=True, slots=True)
class Requested:
    """A job exists. created: this request made it."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True)
class JobLimits:
    """When a request makes no job.

    min_new_images: minimum of images that no training of the mode has succeeded on.
    max_open_jobs: maximum of jobs of a mode that have not ended.
    """

    min_new_images: int
    max_open_jobs: int


class JobService:
    """Training jobs; a job's row, its events and what it does to models commit together.

    announce: called after every commit that may have put an event into the outbox.
    """

    def __init__(
        self, store: Store, clock: Clock, announce: Callable[[], None], limits: JobLimits
    ) -> None:
        self._store = store
        self._clock = clock
        self._announce = announce
        self._limits = limits
        self._offers: Offers = {}

    async def jobs(self, limit: int) -> Sequence[Job]:
        """Give the newest jobs, newest first."""
        return await self._store.read(lambda tx: [kept.job for kept in tx.jobs(limit)])

    def modes(self) -> Sequence[Mode] | None:
        """Return the modes that trainers offer; None where this is unknown, as after a start."""
        return offered_modes(self._offers, self._clock.now_ms())

    async def claimable(self, limit: int, offered: Sequence[Mode] = ()) -> Sequence[Job]:
        """Give the oldest jobs that a trainer may take now, newest first.

        offered: modes of the trainer that looks for work.
        """
        now_ms = self._clock.now_ms()
        self._offers = note_offer(self._offers, offered, now_ms)
        return await self._store.read(
            lambda tx: [kept.job for kept in reversed(tx.claimable_jobs(now_ms, limit))]
        )

    async def job(self, id_: str) -> Job | Refuse:
        """Give one job."""
        kept = await self._store.read(lambda tx: tx.job(id_))
        return _no_job(id_) if kept is None else kept.job

    async def request(self, new: NewJob) -> Requested | Refuse:
        """Make a job and its command; the same id again is the same job."""
        unfit = refuse_unfit(new)
        if unfit is not None:
            return unfit
        now_ms, limits, offered = self._clock.now_ms(), self._limits, self.modes()
        outcome = await self._store.write(lambda tx: _request(tx, new, limits, offered, now_ms))
        self._announce()
        return outcome

    async def cancel(self, id_: str) -> Job | Refuse:
        """Cancel what nobody works on; ask the holder of what is worked on."""
        return await self._rule(id_, decide_cancellation)

    async def lease(self, id_: str, claim: Claim) -> Job | Refuse:
        """Give the job to a trainer for a while."""
        return await self._rule(id_, lambda kept, now_ms: decide_claim(kept, claim, now_ms))

    async def release(self, id_: str, release: Release) -> Job | Refuse:
        """Queue the job again: its holder shuts down, and the attempt is not lost."""
        holder = release.holder
        return await self._rule(id_, lambda kept, now_ms: decide_release(kept, holder, now_ms))

    async def report(self, id_: str, report: JobReport) -> Job | Refuse:
        """Keep what the holder says, and the holder."""
        outcome = await self._rule(id_, lambda kept, now_ms: decide_report(kept, report, now_ms))
        if isinstance(outcome, Job):
            self._offers = prolong_offers(self._offers, self._clock.now_ms())
        return outcome

    async def finish(self, id_: str, outcome: JobOutcome) -> Job | Refuse:
        """End the job: its state, its model's state, a promotion, and their events, or nothing."""
        return await self._rule(id_, lambda kept, now_ms: decide_outcome(kept, outcome, now_ms))

    async def retrain_if_due(self, rules: RetrainRules) -> Job | None:
        """Make the job that the rules ask for now, if any; one occasion makes one job."""
        now_ms, limits = self._clock.now_ms(), self._limits
        job = await self._store.write(lambda tx: _retrain_if_due(tx, rules, limits, now_ms))
        if job is not None:
            self._announce()
        return job

    async def _rule(self, id_: str, decide: Callable[[KeptJob, int], Ruling]) -> Job | Refuse:
        now_ms = self._clock.now_ms()
        outcome = await self._store.write(lambda tx: _rule(tx, id_, decide, now_ms))
        self._announce()
        return outcome


def _no_job(id_: str) -> Refuse:
    return Refuse(ErrorCode.NOT_FOUND, f"There is no job {id_}.")


def _request(
    tx: Transaction, new: NewJob, limits: JobLimits, offered: Sequence[Mode] | None, now_ms: int
) -> Requested | Refuse:
    existing = tx.job(new.id)
    if existing is not None:
        same = decide_repetition(new, existing.job)
        return same if isinstance(same, Refuse) else Requested(same, created=False)
    refusal = (
        refuse_unoffered(new.mode, offered)
        or refuse_too_many(new.mode, tx.count_open_jobs(new.mode), limits.max_open_jobs)
        or refuse_too_few(tx.upload_counts(tx.last_success(new.mode)), limits.min_new_images)
    )
    return refusal or Requested(_add(tx, new, now_ms), created=True)


def _add(tx: Transaction, new: NewJob, now_ms: int) -> Job:
    kept = new_job(new, now_ms)
    tx.add_job(kept)
    command = command_of(kept.job)
    tx.enqueue(Event(TRAIN_COMMANDS.name, key=new.id, value=command.to_bytes()), now_ms)
    _tell(tx, kept.job, now_ms)
    return kept.job


def _retrain_if_due(
    tx: Transaction, rules: RetrainRules, limits: JobLimits, now_ms: int
) -> Job | None:
    last = tx.last_request(MODE)
    situation = Situation(
        is_busy=tx.has_open_jobs(),
        last_request=last,
        new_images=tx.upload_counts(last).new,
        lacks=refuse_too_few(tx.upload_counts(tx.last_success(MODE)), limits.min_new_images),
    )
    new = decide_retraining(rules, situation, now_ms)
    if new is None or tx.job(new.id) is not None:
        return None
    return _add(tx, new, now_ms)


def _rule(
    tx: Transaction, id_: str, decide: Callable[[KeptJob, int], Ruling], now_ms: int
) -> Job | Refuse:
    kept = tx.job(id_)
    if kept is None:
        return _no_job(id_)
    ruling = decide(kept, now_ms)
    if ruling.save is None:
        return ruling.answer
    refusal = _settle_model(tx, ruling.save, now_ms)
    if refusal is not None:
        return refusal
    tx.save_job(ruling.save)
    if ruling.tells:
        _tell(tx, ruling.save.job, now_ms)
    return ruling.answer


def _settle_model(tx: Transaction, after: KeptJob, now_ms: int) -> Refuse | None:
    """Let an outcome change its model's state. A refusal comes before any change."""
    job = after.job
    if after.outcome is None or job.model_version is None:
        return None
    record = tx.model(job.model_version)
    if record is None:
        detail = f"There is no model version {job.model_version!r}."
        return Refuse(ErrorCode.MALFORMED_REQUEST, detail)
    if job.state == "rejected":
        refusal = refuse_rejection(record.version, record.state)
        if refusal is None:
            tx.reject_model(record.version)
        return refusal
    current = tx.current()
    if is_promoted_now(job, None if current is None else current.version):
        promoted = promote(tx, record.version, now_ms)
        return promoted if isinstance(promoted, Refuse) else None
    return None


def _tell(tx: Transaction, job: Job, now_ms: int) -> None:
    tx.enqueue(Event(TRAIN_EVENTS.name, key=job.id, value=event_of(job).to_bytes()), now_ms)
