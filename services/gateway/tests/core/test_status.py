"""What /status tells of speed and of problems: decisions without a clock."""

from gateway.core.recent_problems import KINDS, RecentProblems
from gateway.core.throughput import WINDOW_MS, Throughput


def rate(*words):
    throughput = Throughput()
    for at_ms, predictions in words:
        throughput.add(at_ms, predictions)
    return throughput.per_second


def test_a_rate_is_told_from_two_words_that_are_apart():
    assert rate() is rate((0, 10)) is rate((0, 10), (999, 500)) is None
    assert rate((0, 10), (5_000, 110)) == 20.0
    assert rate((0, 10), (5_000, 110), (10_000, 110)) == 10.0


def test_what_is_long_ago_does_not_count():
    old, now = (0, 0), (WINDOW_MS + 2_000, 1_060)
    assert rate(old, (2_000, 1_000), now) == 2.0


def test_a_worker_that_starts_anew_has_no_rate_yet():
    assert rate((0, 900), (5_000, 3)) is None
    assert rate((0, 900), (5_000, 3), (7_000, 5)) == 1.0


def test_problems_are_one_line_a_kind_newest_first():
    problems = RecentProblems()
    problems.note("undecodable", 422, "/predict", 1)
    problems.note("not_found", 404, "/v1/jobs/{id}", 2)
    problems.note("undecodable", 422, "/predict", 3)
    first, second = problems.newest_first()
    assert (first.code, first.count, first.first_at_ms, first.last_at_ms) == (
        "undecodable",
        2,
        1,
        3,
    )
    assert (second.code, second.count) == ("not_found", 1)


def test_problems_are_bounded_and_the_oldest_kind_goes_first():
    problems = RecentProblems()
    for number in range(KINDS + 5):
        problems.note(f"code-{number}", 400, "/predict", number)
    kinds = problems.newest_first()
    assert len(kinds) == KINDS
    assert (kinds[0].code, kinds[-1].code) == (f"code-{KINDS + 4}", "code-5")
