"""What a change of workers is judged by, on made-up answers."""

import pytest

from bench.rebalance import RebalanceStep, TimedStatus, find_faults, judge_step, render_steps

SOUND = {"sound": True, "failed": {}, "expired": 0, "pending": 0, "accepted": 100}
FINE = RebalanceStep("2 → 3", 10.0, 100, gap_s=0.5, wait_s=4.0, failed=0)


def test_the_gap_is_the_longest_time_without_an_answer_whoever_asked_when():
    answers = [TimedStatus(0.0, 1.5, 200), TimedStatus(1.0, 4.0, 200), TimedStatus(3.9, 4.1, 200)]
    step = judge_step("2 → 3", answers, 1.0, 5.0)
    assert (step.gap_s, step.requests, step.failed) == (2.5, 2, 0)


def test_a_silence_until_the_end_is_a_gap_and_a_refusal_breaks_none():
    step = judge_step("3 → 2", [TimedStatus(0.0, 1.0, 200), TimedStatus(4.0, 4.0, 503)], 0.0, 6.0)
    assert (step.gap_s, step.failed) == (5.0, 1)


def test_who_asked_in_the_step_may_be_answered_after_it():
    step = judge_step("3 → 2", [TimedStatus(1.0, 8.0, 200), TimedStatus(7.0, 20.0, 500)], 0.0, 6.0)
    assert (step.wait_s, step.failed, step.gap_s) == (7.0, 0, 6.0)


@pytest.mark.parametrize(
    ("changed", "audited", "said"),
    [
        ({}, {}, 0),
        ({"gap_s": 3.1}, {}, 1),
        ({"failed": 1}, {}, 1),
        ({}, {"sound": False}, 1),
        ({}, {"failed": {"internal": 1}}, 1),
        ({}, {"expired": 1}, 1),
        ({}, {"pending": 1}, 1),
        ({}, {"accepted": 99}, 1),
        ({"failed": 1, "gap_s": 4.0}, {"sound": False}, 3),
    ],
)
def test_each_thing_that_is_wrong_is_said(changed, audited, said):
    figures = {name: getattr(FINE, name) for name in FINE.__slots__} | changed
    assert len(find_faults([RebalanceStep(**figures)], SOUND | audited)) == said


def test_the_table_has_a_line_for_each_step():
    assert render_steps([(1, FINE)]).splitlines()[-1] == (
        "| 1 | 2 → 3 | 10.0 s | 100 | 0.50 s | 4.00 s | 0 |"
    )
