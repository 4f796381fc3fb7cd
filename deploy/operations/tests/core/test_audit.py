"""The auditor's judgement, as a table and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.core.audit import Accepted, Seen, Told, Window, audit

WINDOW = Window(since_ms=1_000, now_ms=20_000, grace_ms=2_000)
OK = ("succeeded", "viral")
WRONG = ("failed", "undecodable")
LATE = ("expired", "")


def accepted(id_: str = "a", at_ms: int = 2_000, deadline_ms: int = 12_000) -> Accepted:
    return Accepted(id_, at_ms, deadline_ms)


def told(said: tuple[str, str], id_: str = "a", at_ms: int = 2_500, asked_ms: int = 2_000) -> Told:
    return Told(id_, at_ms, asked_ms, *said)


@pytest.mark.parametrize(
    ("outcomes", "wrong", "repeated"),
    [
        ([OK], False, 0),
        ([OK, OK], False, 1),
        ([OK, LATE], False, 1),
        ([WRONG, WRONG, LATE], False, 2),
        ([OK, ("succeeded", "NORMAL")], True, 1),
        ([OK, WRONG], True, 1),
        ([LATE, OK], True, 1),
        ([WRONG, ("failed", "worker_crashed")], True, 1),
    ],
)
def test_the_first_outcome_stands_and_a_repeat_says_the_same_or_expired(outcomes, wrong, repeated):
    seen = Seen([accepted()], [told(said) for said in outcomes])
    report = audit(seen, WINDOW)
    assert report.contradicted == (("a",) if wrong else ())
    assert report.repeated == repeated
    assert report.sound is not wrong
    ended = {"succeeded": report.succeeded, "expired": report.expired}
    ended["failed"] = sum(report.failed.values())
    assert ended.pop(outcomes[0][0]) == 1
    assert set(ended.values()) == {0}


@pytest.mark.parametrize(("deadline_ms", "lost"), [(18_000, True), (18_001, False)])
def test_what_has_no_outcome_is_pending_until_deadline_and_grace_have_passed(deadline_ms, lost):
    report = audit(Seen([accepted(deadline_ms=deadline_ms)], []), WINDOW)
    assert report.lost == (("a",) if lost else ())
    assert (report.pending, report.sound) == (int(not lost), not lost)


def test_outcomes_of_requests_before_the_window_are_not_judged():
    outcomes = [told(OK, "old", asked_ms=999), told(WRONG, "old", asked_ms=999)]
    report = audit(Seen([accepted()], [told(OK), *outcomes]), WINDOW)
    assert report.sound
    assert (report.accepted, report.repeated, report.unasked) == (1, 0, 0)


def test_an_outcome_that_nobody_asked_for_is_counted():
    report = audit(Seen([], [told(OK, "stray", asked_ms=1_500)] * 2), WINDOW)
    assert (report.unasked, report.sound) == (1, True)


def test_a_dead_letter_is_no_outcome():
    report = audit(Seen([accepted()], [], ["a", "of before"]), WINDOW)
    assert (report.lost, report.dead_letters) == (("a",), 1)


@pytest.mark.parametrize(
    ("outcomes", "lost", "expired"), [([told(LATE)], (), 1), ([told(OK)], (), 0), ([], ("a",), 0)]
)
def test_what_an_outage_has_deleted_is_judged_by_its_entry(outcomes, lost, expired):
    entry = Accepted("a", 2_000, 12_000, is_entry=True)
    report = audit(Seen([entry], outcomes), WINDOW)
    assert (report.accepted, report.deleted, report.deleted_expired) == (1, 1, expired)
    assert report.lost == lost
    assert report.sound is not bool(lost)


def test_a_request_that_is_there_is_not_deleted_whatever_its_entry_says():
    entry = Accepted("a", 2_000, 12_000, is_entry=True)
    for seen in ([entry, accepted()], [accepted(), entry]):
        report = audit(Seen(seen, [told(OK)]), WINDOW)
        assert (report.accepted, report.succeeded, report.deleted) == (1, 1, 0)


@pytest.mark.parametrize(("cut_ms", "named"), [(0, 0), (999, 0), (1_001, 1_001)])
def test_a_window_that_retention_has_cut_is_named(cut_ms, named):
    assert audit(Seen([], [], cut_ms=cut_ms), WINDOW).cut_ms == named


def test_a_gap_is_measured_only_while_something_is_pending():
    requests = [accepted("a", 2_000), accepted("b", 2_100), accepted("c", 9_000)]
    outcomes = [told(OK, "a", 2_400), told(OK, "b", 3_900), told(OK, "c", 9_700)]
    report = audit(Seen(requests, outcomes), WINDOW)
    assert (report.longest_gap_ms, report.longest_answer_ms) == (1_500, 1_800)


IDS = st.sampled_from("abcdefgh")
MOMENTS = st.integers(1_000, 1_200)
REQUESTS = st.lists(st.builds(Accepted, IDS, MOMENTS, st.integers(1_000, 1_300)), max_size=8)
OUTCOMES = st.lists(
    st.builds(
        lambda id_, at_ms, said: Told(id_, at_ms, 1_000, *said),
        IDS,
        MOMENTS,
        st.sampled_from([OK, WRONG, LATE]),
    ),
    max_size=20,
)
WINDOWS = st.builds(Window, st.just(1_000), st.integers(1_200, 1_300), st.integers(0, 50))


@given(REQUESTS, OUTCOMES, WINDOWS)
def test_every_accepted_request_is_in_exactly_one_count(requests, outcomes, window):
    report = audit(Seen(requests, outcomes), window)
    ids = {one.id for one in requests}
    ended = report.succeeded + sum(report.failed.values()) + report.expired
    assert report.accepted == len(ids) == ended + report.pending + len(report.lost)
    answered = {one.id for one in outcomes} & ids
    assert ended == len(answered)
    assert set(report.lost) <= ids - answered
    assert report.repeated == sum(one.id in ids for one in outcomes) - len(answered)
    assert set(report.contradicted) <= answered


@given(REQUESTS, OUTCOMES, WINDOWS)
def test_reading_the_outcomes_once_more_contradicts_nothing_new_if_all_say_the_same(
    requests, outcomes, window
):
    said: dict[str, Told] = {}
    alike = [said.setdefault(one.id, one) for one in outcomes]
    report = audit(Seen(requests, alike * 2), window)
    assert report.contradicted == ()


@given(REQUESTS, OUTCOMES, WINDOWS)
def test_the_longest_gap_is_what_a_clock_would_count(requests, outcomes, window):
    report = audit(Seen(requests, outcomes), window)
    first_of: dict[str, Told] = {}
    for one in outcomes:
        first_of.setdefault(one.id, one)
    asked = {one.id: one.at_ms for one in reversed(requests)}
    ended = {id_: max(one.at_ms, asked[id_]) for id_, one in first_of.items() if id_ in asked}
    longest = quiet = 0
    for now in range(1_000, window.now_ms + 1):
        pending = any(at < now <= ended.get(id_, window.now_ms) for id_, at in asked.items())
        quiet = quiet + 1 if pending else 0
        longest = max(longest, quiet)
        if now in ended.values():
            quiet = 0
    assert report.longest_gap_ms == longest
