"""When dead letters stop a worker, for how long, and when they do not."""

import pytest

from inference_worker.core.dead_letter_budget import BudgetLimits, DeadLetterBudget, Exhausted

LIMITS = BudgetLimits(
    max_run=5, max_ratio=0.5, window_s=60, min_requests=20, first_pause_s=5, max_pause_s=60
)


@pytest.fixture
def budget():
    return DeadLetterBudget(LIMITS)


def die(budget, times, now_s=0.0):
    for _ in range(times):
        budget.note_dead_letter(now_s)


def test_a_run_of_dead_letters_exhausts_it(budget):
    die(budget, 4)
    assert budget.exhausted(0) is None
    die(budget, 1)
    assert budget.exhausted(0) is Exhausted.RUN


def test_an_answer_in_between_ends_the_run(budget):
    for _ in range(3):
        die(budget, 4)
        budget.note_answered(1, 0)
    assert budget.exhausted(0) is None


def test_a_share_above_the_limit_exhausts_it_once_there_are_enough_requests(budget):
    for _ in range(3):
        budget.note_answered(2, 0)
        die(budget, 3)
    assert budget.exhausted(0) is None  # 15 requests are no ratio
    budget.note_answered(2, 0)
    die(budget, 3)
    assert budget.exhausted(0) is Exhausted.RATIO


def test_poison_among_ordinary_traffic_never_exhausts_it(budget):
    for second in range(600):
        budget.note_answered(5, second)
        die(budget, 4, second)
        assert budget.exhausted(second) is None


def test_what_lies_before_the_window_does_not_count(budget):
    for _ in range(4):
        budget.note_answered(1, 0)
        die(budget, 4)
    budget.note_answered(16, 70)
    assert budget.exhausted(70) is None
    die(budget, 4, 71)
    assert budget.exhausted(71) is None


def test_pauses_grow_while_the_fault_lasts_and_begin_anew_after_a_quiet_window(budget):
    now_s, pauses = 0.0, []
    for _ in range(6):
        die(budget, 5, now_s)
        pauses.append(budget.begin_pause(now_s))
        assert budget.exhausted(now_s) is None
        now_s += pauses[-1] + 1
    assert pauses == [5, 10, 20, 40, 60, 60]
    assert budget.begin_pause(now_s + 61) == 5
