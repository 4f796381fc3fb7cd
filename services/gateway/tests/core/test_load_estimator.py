"""The backlog, the service rate, and what admission makes of them."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.admission import (
    MAX_RETRY_S,
    WAIT_SHARE,
    AdmissionLimits,
    Admitted,
    CurrentLoad,
    RefusalReason,
    decide_admission,
)
from gateway.core.lag_by_owner import OUTAGE_S, PartitionLag
from gateway.core.load_estimator import Backlog, LoadEstimator, OpenRequests
from gateway.core.service_rate import SLICE_S, WINDOW_S, ServiceRate
from shared.contracts.errors import ErrorCode

LIMITS = AdmissionLimits(max_in_flight=1_000, max_in_flight_bytes=10**9)


def lag_of(records):
    """A topic of one partition, as a look finds it."""
    return [PartitionLag(number=0, owner="worker", committed=0, behind=records)]


def weigh(load, wait_s=10.0):
    return decide_admission(image_bytes=1, wait_s=wait_s, now_ms=0, load=load, limits=LIMITS)


@pytest.mark.parametrize(
    ("wait_s", "client_s", "retry_after_s"),
    [
        (0, 1, None),
        (10 * WAIT_SHARE, 10, None),
        (10 * WAIT_SHARE + 0.1, 10, 1),
        (10 * WAIT_SHARE + 3.2, 10, 4),
        (2 * WAIT_SHARE + 0.9, 2, 1),
        (1_000, 10, MAX_RETRY_S),
        (inf, 10, MAX_RETRY_S),
    ],
)
def test_who_would_wait_too_long_is_told_when_to_come_back(wait_s, client_s, retry_after_s):
    found = weigh(CurrentLoad(5, 0, True, wait_s), client_s)
    if retry_after_s is None:
        assert found == Admitted(client_s * 1000)
    else:
        assert (found.reason, found.code) == (RefusalReason.WAIT, ErrorCode.OVERLOADED)
        assert found.retry_after_s == retry_after_s


@given(wait_s=st.floats(0, 25), client_s=st.floats(0.1, 60))
def test_after_retry_after_the_wait_has_fallen_below(wait_s, client_s):
    found = weigh(CurrentLoad(1, 0, True, wait_s), client_s)
    if isinstance(found, Admitted):
        assert wait_s <= WAIT_SHARE * client_s
    else:
        later_s = max(0.0, wait_s - found.retry_after_s)
        assert isinstance(weigh(CurrentLoad(1, 0, True, later_s), client_s), Admitted)


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (CurrentLoad(0, 0, True, inf, stalled=True), None),
        (CurrentLoad(1, 0, True, inf, stalled=True), RefusalReason.WAIT),
        (CurrentLoad(0, 0, True, inf, stalled=False), RefusalReason.WAIT),
        (CurrentLoad(1_000, 0, True), RefusalReason.IN_FLIGHT),
        (CurrentLoad(1, 10**9, True), RefusalReason.BYTES),
        (CurrentLoad(0, 0, False, stalled=True), RefusalReason.BROKER),
    ],
)
def test_one_scout_goes_in_while_nothing_comes_back(load, reason):
    assert getattr(weigh(load), "reason", None) == reason


def test_the_backlog_is_the_lag_and_what_happened_since():
    backlog = Backlog()
    assert backlog.size(at_least=0) == 0
    backlog.record_accepted()
    began = backlog.snapshot()
    backlog.record_accepted()  # during the query: perhaps counted twice, never lost
    backlog.update_lag(10, began)
    assert backlog.size(at_least=0) == 11
    for _ in range(4):
        backlog.record_outcome()
    assert backlog.size(at_least=0) == 7
    assert backlog.size(at_least=9) == 9
    backlog.update_lag(0, backlog.snapshot())
    backlog.record_outcome()
    assert backlog.size(at_least=0) == 0


EVENT = st.one_of(st.just("accept"), st.just("answer"), st.integers(0, 1_000))


@given(events=st.lists(EVENT), at_least=st.integers(0, 100))
def test_the_backlog_counts_from_the_newest_look(events, at_least):
    backlog, expected = Backlog(), 0
    for event in events:
        if event == "accept":
            backlog.record_accepted()
            expected += 1
        elif event == "answer":
            backlog.record_outcome()
            expected -= 1
        else:
            backlog.update_lag(event, backlog.snapshot())
            expected = event
    assert backlog.size(at_least=at_least) == max(expected, at_least, 0)


def test_requests_count_until_answered_given_up_or_past_their_deadline():
    own = OpenRequests()
    for id_, deadline_ms in (("a", 10), ("b", 20), ("c", 30), ("d", 30)):
        own.add(id_, deadline_ms)
    own.remove("c")
    own.remove("c")
    own.expire(9)
    assert len(own) == 3
    own.expire(10)
    assert len(own) == 2
    own.expire(30)
    assert len(own) == 0
    own.add("e", 40)
    own.expire(39)
    assert len(own) == 1


def run(rate, *, per_second, seconds, backlog, from_s=0.0):
    """Let outcomes come evenly, with so much left after each; give the time after them."""
    for n in range(1, int(per_second * seconds) + 1):
        rate.record(from_s + n / per_second, backlog=backlog, answered=1)
    return from_s + seconds


def idle(rate, *, seconds, backlog, from_s):
    for n in range(1, int(seconds / SLICE_S) + 1):
        rate.record(from_s + n * SLICE_S, backlog=backlog)
    return from_s + seconds


def test_nothing_is_known_until_work_has_waited_for_a_whole_window():
    rate = ServiceRate(0.0)
    now_s = run(rate, per_second=20, seconds=10, backlog=0)
    assert rate.per_second(now_s) is None
    now_s = run(rate, per_second=100, seconds=2 * WINDOW_S, backlog=100, from_s=now_s)
    assert rate.per_second(now_s) == pytest.approx(100, rel=0.05)


@given(
    first=st.integers(20, 400),
    second=st.integers(20, 400),
    idle_s=st.integers(0, 60),
)
def test_the_rate_follows_what_busy_workers_do_and_is_held_while_idle(first, second, idle_s):
    rate = ServiceRate(0.0)
    now_s = run(rate, per_second=first, seconds=5, backlog=500)
    now_s = run(rate, per_second=second, seconds=5, backlog=500, from_s=now_s)
    now_s = idle(rate, seconds=idle_s, backlog=0, from_s=now_s)
    now_s = run(rate, per_second=10, seconds=3, backlog=0, from_s=now_s)
    assert rate.per_second(now_s) == pytest.approx(second, rel=0.1)


def test_more_than_was_thought_possible_is_possible():
    rate = ServiceRate(0.0)
    now_s = run(rate, per_second=50, seconds=4, backlog=50)
    now_s = run(rate, per_second=90, seconds=4, backlog=0, from_s=now_s)
    assert rate.per_second(now_s) == pytest.approx(90, rel=0.05)


def test_in_a_stall_the_rate_is_believed_less_and_less_and_afterwards_as_before():
    rate = ServiceRate(0.0)
    now_s = run(rate, per_second=100, seconds=5, backlog=50)
    known = rate.per_second(now_s)
    idle(rate, seconds=OUTAGE_S + 5, backlog=50, from_s=now_s)
    assert not rate.is_stalled(now_s + WINDOW_S)
    assert rate.is_stalled(now_s + WINDOW_S + 0.1)
    assert rate.per_second(now_s + OUTAGE_S) == known
    assert rate.per_second(now_s + OUTAGE_S + 3) == pytest.approx(known / 8)
    assert rate.per_second(now_s + 10**6) > 0
    back_s = now_s + OUTAGE_S + 5.01
    rate.record(back_s, backlog=49, answered=1)
    assert rate.per_second(back_s) == known
    now_s = run(rate, per_second=100, seconds=5, backlog=40, from_s=back_s)
    assert rate.per_second(now_s) == pytest.approx(100, rel=0.1)


def test_what_expires_shows_life_and_nothing_of_speed():
    load = LoadEstimator(0.0)
    now_s = 0.0
    load.update_lag(lag_of(10_000), load.snapshot(), now_s)
    for n in range(500):
        now_s = n / 100
        load.record_outcome(f"{n}", now_s, inferred=True)
    before = load.estimate_wait(now_s).seconds
    assert before == pytest.approx(9_500 / 100, rel=0.05)
    for n in range(5_000):
        load.record_outcome(f"x{n}", now_s + n / 1_000, inferred=False)
    after = load.estimate_wait(now_s + 5)
    assert after.seconds == pytest.approx(4_500 / 100, rel=0.05)
    assert not after.stalled


def test_a_wait_is_unknown_optimistically_then_real_then_over():
    load = LoadEstimator(0.0)
    load.update_lag(lag_of(1_000), load.snapshot(), 0.0)
    assert load.estimate_wait(1.0).seconds == 0
    assert load.estimate_wait(WINDOW_S + 1).stalled
    for n in range(500):
        load.record_outcome(f"{n}", 3 + n / 100, inferred=True)
    assert load.estimate_wait(8.0).seconds == pytest.approx(5, rel=0.05)
    load.record_accepted("mine", 20_000)
    load.update_lag(lag_of(0), load.snapshot(), 8.0)
    assert load.backlog == 1
    assert load.count_in_flight(19_999) == 1
    assert load.count_in_flight(20_000) == 0
    assert load.estimate_wait(8.0).seconds == 0
