"""Token buckets and requests at once."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.rate_limits import ConcurrencyLimiter, Granted, Rate, RetryLater, TokenBuckets

RATE = Rate(per_s=2.0, burst=3)


def test_a_burst_is_granted_then_the_rate():
    buckets = TokenBuckets(10)
    assert [buckets.take("a", RATE, 0.0) for _ in range(4)] == [Granted()] * 3 + [RetryLater(1)]
    assert buckets.take("a", RATE, 0.4) == RetryLater(1)
    assert buckets.take("a", RATE, 0.5) == Granted()
    assert buckets.take("a", RATE, 0.5) == RetryLater(1)
    assert [buckets.take("a", RATE, 100.0) for _ in range(4)] == [Granted()] * 3 + [RetryLater(1)]


def test_one_subject_costs_another_nothing():
    buckets = TokenBuckets(10)
    for _ in range(4):
        buckets.take("a", RATE, 0.0)
    assert buckets.take("b", RATE, 0.0) == Granted()


def test_a_clock_that_steps_back_gives_and_takes_nothing():
    buckets = TokenBuckets(10)
    for _ in range(3):
        buckets.take("a", RATE, 10.0)
    assert buckets.take("a", RATE, 5.0) == RetryLater(1)
    assert buckets.take("a", RATE, 5.5) == Granted()


def test_no_more_subjects_are_remembered_than_may_be_and_the_busy_ones_are():
    buckets = TokenBuckets(2)
    for _ in range(4):
        buckets.take("busy", RATE, 0.0)
    for n in range(100):
        buckets.take(f"once-{n}", RATE, 0.0)
        assert buckets.take("busy", RATE, 0.0) == RetryLater(1)
    assert len(buckets) == 2


@given(
    per_s=st.floats(0.01, 100),
    burst=st.integers(1, 20),
    gaps_s=st.lists(st.floats(0, 10), max_size=60),
)
def test_never_more_than_burst_and_rate_and_the_wait_is_true(per_s, burst, gaps_s):
    buckets, rate, now_s, granted = TokenBuckets(1), Rate(per_s, burst), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        taken = buckets.take("a", rate, now_s)
        if isinstance(taken, Granted):
            granted += 1
        else:
            now_s += taken.retry_after_s
            assert buckets.take("a", rate, now_s) == Granted()
            granted += 1
        assert granted <= burst + now_s * per_s + 1e-6


def test_so_many_at_once_and_no_more_and_none_is_remembered():
    in_flight = ConcurrencyLimiter(2)
    assert [in_flight.enter("a") for _ in range(3)] == [Granted(), Granted(), RetryLater(1)]
    assert in_flight.enter("b") == Granted()
    in_flight.leave("a")
    assert in_flight.enter("a") == Granted()
    for subject in ("a", "a", "b"):
        in_flight.leave(subject)
    assert len(in_flight) == 0
