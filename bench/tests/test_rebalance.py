"""What a change of workers is judged by, on answers that are made up, and the load itself."""

import asyncio

import pytest

from bench.rebalance import Answer, Steady, Step, judge, table, verdict

SOUND = {"sound": True, "failed": {}, "expired": 0, "pending": 0, "accepted": 100}
FINE = Step("2 → 3", 10.0, 100, gap_s=0.5, wait_s=4.0, failed=0)


def test_the_gap_is_the_longest_time_without_an_answer_whoever_asked_when():
    answers = [Answer(0.0, 1.5, 200), Answer(1.0, 4.0, 200), Answer(3.9, 4.1, 200)]
    step = judge("2 → 3", answers, 1.0, 5.0)
    assert (step.gap_s, step.requests, step.failed) == (2.5, 2, 0)


def test_a_silence_until_the_end_is_a_gap_and_a_refusal_breaks_none():
    step = judge("3 → 2", [Answer(0.0, 1.0, 200), Answer(4.0, 4.0, 503)], 0.0, 6.0)
    assert (step.gap_s, step.failed) == (5.0, 1)


def test_who_asked_in_the_step_may_be_answered_after_it():
    step = judge("3 → 2", [Answer(1.0, 8.0, 200), Answer(7.0, 20.0, 500)], 0.0, 6.0)
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
    assert len(verdict([Step(**figures)], SOUND | audited)) == said


def test_the_table_has_a_line_for_each_step():
    assert table([(1, FINE)]).splitlines()[-1] == (
        "| 1 | 2 → 3 | 10.0 s | 100 | 0.50 s | 4.00 s | 0 |"
    )


async def test_the_load_goes_on_while_nobody_answers_and_waits_for_every_answer():
    asked = answered = 0
    enough, release, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def ask():
        nonlocal asked, answered
        asked += 1
        if asked == 3:
            enough.set()
        await release.wait()
        answered += 1
        return 200

    load = Steady(ask, rate=1_000)
    running = asyncio.create_task(load.run(stop))
    await enough.wait()
    assert answered == 0
    stop.set()
    release.set()
    await running
    assert len(load.answers) == asked == answered
    assert all(answer.at_s >= answer.due_s for answer in load.answers)
