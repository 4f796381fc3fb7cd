"""What becomes of failed attempts, as tables and properties."""

from hypothesis import given
from hypothesis import strategies as st

from inference_worker.core.requests import PredictRequest
from inference_worker.core.retries import (
    FailedAttempt,
    GiveUp,
    TryAgain,
    attempts_with,
    decide_fate,
    failed_outcome,
    one_line,
)
from shared.contracts.dead_letters import Attempt, Cause
from shared.contracts.headers import RequestHeaders

MAY_PASS = st.sampled_from([Cause.INFERENCE_FAILED, Cause.INTERNAL])


def headers(attempt=1, deadline_ms=60_000):
    return RequestHeaders("a", deadline_ms, attempt=attempt)


def test_the_delay_doubles_until_the_cap():
    fates = [
        decide_fate(headers(attempt), Cause.INTERNAL, 1_000, max_attempts=4)
        for attempt in (1, 2, 3, 4, 5)
    ]
    assert fates == [
        TryAgain(1_500, 2),
        TryAgain(2_000, 3),
        TryAgain(3_000, 4),
        GiveUp(Cause.INTERNAL),
        GiveUp(Cause.INTERNAL),
    ]


def test_no_attempt_is_put_off_beyond_the_deadline():
    def fate(deadline_ms):
        return decide_fate(
            headers(deadline_ms=deadline_ms), Cause.INFERENCE_FAILED, 1_000, max_attempts=3
        )

    assert fate(1_500) == GiveUp(Cause.INFERENCE_FAILED)
    assert fate(1_501) == TryAgain(1_500, 2)


def test_what_killed_a_worker_is_never_tried_again():
    fate = decide_fate(headers(), Cause.WORKER_CRASHED, 0, max_attempts=9)
    assert fate == GiveUp(Cause.WORKER_CRASHED)


@given(st.integers(-5, 2**31), MAY_PASS, st.integers(0, 10**9), st.integers(1, 8))
def test_attempts_end_and_each_is_later_than_the_one_before(attempt, cause, deadline_ms, cap):
    now_ms, made = 0, 0
    fate = decide_fate(headers(attempt, deadline_ms), cause, now_ms, max_attempts=cap)
    while isinstance(fate, TryAgain):
        made += 1
        assert now_ms < fate.not_before_ms < deadline_ms
        assert max(1, attempt) < fate.attempt <= cap
        attempt, now_ms = fate.attempt, fate.not_before_ms
        fate = decide_fate(headers(attempt, deadline_ms), cause, now_ms, max_attempts=cap)
    assert fate == GiveUp(cause)
    assert made < cap


def test_the_history_grows_by_the_attempt_that_failed():
    first = Attempt(number=1, at_ms=5, worker="w-1", error="RuntimeError: no")
    request = PredictRequest(headers(attempt=2), b"", 0, (first,))
    failed = FailedAttempt(request, Cause.INTERNAL, "KeyError: 'x'")
    second = Attempt(number=2, at_ms=9, worker="w-2", error="KeyError: 'x'")
    assert attempts_with(failed, worker="w-2", at_ms=9) == (first, second)


def test_every_cause_has_a_code_of_its_own_name():
    for cause in Cause:
        assert failed_outcome("a", cause).code.value == cause.value


def test_an_error_is_one_line_of_bounded_length():
    assert one_line(RuntimeError("a\n  b\tc")) == "RuntimeError: a b c"
    assert len(one_line(RuntimeError("x" * 10_000))) == 300
