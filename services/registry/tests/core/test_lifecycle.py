import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.lifecycle import (
    NEXT_STATES,
    AlreadyCurrent,
    Promote,
    Promotion,
    decide_promotion,
    decide_rollback,
    refuse_rejection,
)
from registry.core.refusals import Refuse
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelState

NOW_MS = 5_000
FIRST = Promotion(1, "v1", None, 1_000)
SECOND = Promotion(2, "v2", 1, 2_000)


@pytest.mark.parametrize(
    ("state", "latest", "expected"),
    [
        ("candidate", None, Promote("v3", None, None, NOW_MS, "promote")),
        ("candidate", SECOND, Promote("v3", "v2", 2, NOW_MS, "promote")),
        ("retired", SECOND, Promote("v3", "v2", 2, NOW_MS, "promote")),
        ("current", SECOND, AlreadyCurrent("v3")),
    ],
)
def test_a_promotion_retires_the_model_before(
    state: ModelState, latest: Promotion | None, expected: Promote | AlreadyCurrent
) -> None:
    assert decide_promotion("v3", state, latest, NOW_MS) == expected


def test_the_current_model_promoted_again_is_a_promotion_with_the_same_way_back() -> None:
    decision = decide_promotion("v2", "current", SECOND, NOW_MS, again=True)
    assert decision == Promote("v2", None, SECOND.rollback_to, NOW_MS, "promote")


@pytest.mark.parametrize(
    ("state", "code"), [(None, ErrorCode.NOT_FOUND), ("rejected", ErrorCode.CONFLICT)]
)
def test_an_unknown_or_rejected_model_is_never_promoted(
    state: ModelState | None, code: ErrorCode
) -> None:
    decision = decide_promotion("v3", state, SECOND, NOW_MS)
    assert isinstance(decision, Refuse)
    assert decision.code == code


def test_a_rollback_goes_to_the_model_before_and_inherits_its_way_back() -> None:
    decision = decide_rollback(SECOND, FIRST, "retired", expected_version=None, now_ms=NOW_MS)
    assert decision == Promote("v1", "v2", None, NOW_MS, "rollback")


@pytest.mark.parametrize(
    ("latest", "target", "target_state", "expected_version"),
    [
        (None, None, None, None),
        (FIRST, None, None, None),
        (SECOND, FIRST, "rejected", None),
        (SECOND, FIRST, "retired", "v1"),
    ],
    ids=["nothing promoted", "nothing before", "target rejected", "already rolled back"],
)
def test_a_rollback_that_cannot_be_is_a_conflict(
    latest: Promotion | None,
    target: Promotion | None,
    target_state: ModelState | None,
    expected_version: str | None,
) -> None:
    decision = decide_rollback(
        latest, target, target_state, expected_version=expected_version, now_ms=NOW_MS
    )
    assert isinstance(decision, Refuse)
    assert decision.code == ErrorCode.CONFLICT


def test_a_clock_set_back_still_gives_a_later_promotion() -> None:
    promoted = decide_promotion("v3", "candidate", SECOND, now_ms=7)
    rolled_back = decide_rollback(SECOND, FIRST, "retired", expected_version="v2", now_ms=7)
    assert isinstance(promoted, Promote)
    assert isinstance(rolled_back, Promote)
    assert promoted.promoted_at_ms == rolled_back.promoted_at_ms == 2_001


def test_rejected_is_final_and_only_a_candidate_is_rejected() -> None:
    assert NEXT_STATES["rejected"] == frozenset()
    assert [s for s, after in NEXT_STATES.items() if "rejected" in after] == ["candidate"]


@given(st.lists(st.sampled_from(["v1", "v2", "v3", "back"]), max_size=12))
def test_rollbacks_undo_promotions_like_a_stack(steps: list[str]) -> None:
    history: list[Promotion] = []
    stack: list[str] = []
    for step in steps:
        latest = history[-1] if history else None
        if step == "back":
            to = history[latest.rollback_to - 1] if latest and latest.rollback_to else None
            state: ModelState | None = "retired" if to else None
            decision = decide_rollback(latest, to, state, expected_version=None, now_ms=0)
            stack = stack[:-1] if len(stack) > 1 else stack
        else:
            now: ModelState = "current" if latest and latest.version == step else "candidate"
            decision = decide_promotion(step, now, latest, 0)
            stack = [*stack, step] if isinstance(decision, Promote) else stack
        if isinstance(decision, Promote):
            number = len(history) + 1
            history.append(
                Promotion(number, decision.version, decision.rollback_to, decision.promoted_at_ms)
            )
        assert (history[-1].version if history else None) == (stack[-1] if stack else None)
    times = [line.promoted_at_ms for line in history]
    assert times == sorted(set(times))


def test_only_what_was_never_current_is_rejected() -> None:
    states: tuple[ModelState, ...] = ("candidate", "rejected", "current", "retired")
    refused = [state for state in states if refuse_rejection("v1", state) is not None]
    assert refused == ["current", "retired"]
