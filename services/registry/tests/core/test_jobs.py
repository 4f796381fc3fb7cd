"""Who may do what to a job, and when."""

from registry.core.jobs import (
    MAX_ATTEMPTS,
    MAX_METRICS,
    KeptJob,
    decide_cancellation,
    decide_claim,
    decide_outcome,
    decide_release,
    decide_repetition,
    decide_report,
    is_promoted_now,
    new_job,
    refuse_too_many,
    refuse_unfit,
)
from registry.core.refusals import Refuse, RegistryCode
from shared.contracts.train import Claim, GateReport, Job, JobOutcome, JobReport, NewJob

NEW = NewJob(id="j")
GATE = GateReport(accepted=True, checks=(), current_version="v1", images=9)
SUCCESS = JobOutcome(holder="a", state="succeeded", gate=GATE, model_version="v2")


def claimed(holder: str = "a", now_ms: int = 0) -> KeptJob:
    ruling = decide_claim(new_job(NEW, 0), Claim(holder=holder, ttl_s=10), now_ms)
    assert ruling.save is not None
    return ruling.save


def code_of(answer: Job | Refuse) -> str:
    assert isinstance(answer, Refuse)
    return answer.code


def test_a_lease_keeps_others_out_until_it_has_run_out() -> None:
    kept = claimed()
    other = Claim(holder="b", ttl_s=10)
    assert code_of(decide_claim(kept, other, 9_999).answer) == RegistryCode.LEASE_HELD
    taken = decide_claim(kept, other, 10_000).save
    assert taken is not None
    assert taken.lease is not None
    assert (taken.lease.holder, taken.job.attempt) == ("b", 2)
    report = JobReport(holder="a", ttl_s=10, state="running")
    assert code_of(decide_report(taken, report, 10_001).answer) == RegistryCode.LEASE_LOST


def test_the_claim_after_the_last_attempt_fails_the_job() -> None:
    kept = new_job(NEW, 0)
    for n in range(MAX_ATTEMPTS):
        kept = decide_claim(kept, Claim(holder="a", ttl_s=1), n * 5_000).save or kept
    last = decide_claim(kept, Claim(holder="a", ttl_s=1), 90_000).save
    assert last is not None
    assert last.job.state == "failed"


def test_an_attempt_that_its_holder_released_is_not_lost() -> None:
    kept = new_job(NEW, 0)
    for n in range(3 * MAX_ATTEMPTS):
        kept = decide_claim(kept, Claim(holder="a", ttl_s=1), n).save or kept
        assert (kept.job.state, kept.job.attempt) == ("running", n + 1)
        kept = decide_release(kept, "a", n).save or kept
        assert (kept.job.state, kept.lease) == ("queued", None)
    for n in range(MAX_ATTEMPTS):  # losses count as before
        kept = decide_claim(kept, Claim(holder="a", ttl_s=1), 50_000 + n * 5_000).save or kept
        assert kept.job.state == "running"
    last = decide_claim(kept, Claim(holder="a", ttl_s=1), 90_000).save
    assert last is not None
    assert last.job.state == "failed"


def test_only_its_holder_releases_a_job_and_one_to_be_cancelled_ends() -> None:
    assert code_of(decide_release(claimed(), "b", 1).answer) == RegistryCode.LEASE_LOST
    asked = decide_cancellation(claimed(), 1).save
    assert asked is not None
    ended = decide_release(asked, "a", 2).save
    assert ended is not None
    assert ended.job.state == "cancelled"


def test_a_mode_has_a_maximum_of_open_jobs() -> None:
    assert refuse_too_many("fast", 1, 2) is None
    refusal = refuse_too_many("fast", 2, 2)
    assert refusal is not None
    assert refusal.code == RegistryCode.TOO_MANY_JOBS


def test_an_outcome_counts_once_and_only_from_the_holder() -> None:
    kept = claimed()
    stranger = SUCCESS.model_copy(update={"holder": "b"})
    assert code_of(decide_outcome(kept, stranger, 5).answer) == RegistryCode.LEASE_LOST
    ended = decide_outcome(kept, SUCCESS, 5).save
    assert ended is not None
    assert ended.job.state == "succeeded"
    again = decide_outcome(ended, SUCCESS, 6)
    assert (again.answer, again.save) == (ended.job, None)


def test_success_needs_an_accepting_gate() -> None:
    refused = SUCCESS.model_copy(update={"gate": GATE.model_copy(update={"accepted": False})})
    assert isinstance(decide_outcome(claimed(), refused, 5).answer, Refuse)


def test_a_cancelled_job_never_succeeds() -> None:
    asked = decide_cancellation(claimed(), 3).save
    assert asked is not None
    assert asked.job.cancel_requested
    ended = decide_outcome(asked, SUCCESS, 5).save
    assert ended is not None
    assert ended.job.state == "cancelled"
    queued = decide_cancellation(new_job(NEW, 0), 3).save
    assert queued is not None
    assert queued.job.state == "cancelled"


def test_only_a_model_that_was_compared_with_the_current_one_is_promoted() -> None:
    ended = decide_outcome(claimed(), SUCCESS, 5).save
    assert ended is not None
    assert is_promoted_now(ended.job, "v1")
    assert not is_promoted_now(ended.job, "v1b")


def test_the_same_id_with_another_body_is_a_conflict() -> None:
    job = new_job(NEW, 0).job
    assert decide_repetition(NEW, job) == job
    assert isinstance(decide_repetition(NewJob(id="j", seed=1), job), Refuse)


def test_an_id_is_a_uuid_and_a_seed_fits_every_generator() -> None:
    id_ = "01234567-89ab-7def-8123-456789abcdef"
    for seed in (0, 2**32 - 1):
        assert refuse_unfit(NewJob(id=id_, seed=seed)) is None
    for bad in (id_.upper(), f"{id_}\n", "../../etc", "", id_ + "0"):
        assert refuse_unfit(NewJob(id=bad)) is not None
    for seed in (-1, 2**32):
        assert refuse_unfit(NewJob(id=id_, seed=seed)) is not None


def test_the_metrics_of_all_reports_together_are_bounded() -> None:
    kept = claimed()
    for n in range(MAX_METRICS):
        report = JobReport(holder="a", ttl_s=1, state="running", metrics={f"m{n}": 1.0})
        kept = decide_report(kept, report, 1).save or kept
    assert len(kept.job.metrics) == MAX_METRICS
    more = {"one more": 1.0}
    refused = JobReport(holder="a", ttl_s=1, state="running", metrics=more)
    assert decide_report(kept, refused, 1).save is None
    assert decide_outcome(kept, SUCCESS.model_copy(update={"metrics": more}), 1).save is None
    assert decide_outcome(kept, SUCCESS, 1).save is not None
