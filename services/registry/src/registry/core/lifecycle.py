"""candidate → current → retired, or rejected: who may become the current model, and what follows.

The history of promotions is a stack with a memory: every promotion remembers which earlier one a
rollback from it brings back, so that two rollbacks go two steps back and never in a circle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from registry.core.refusals import Refuse
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelState

NEXT_STATES: Mapping[ModelState, frozenset[ModelState]] = {
    "candidate": frozenset({"current", "rejected"}),
    "current": frozenset({"retired"}),
    "retired": frozenset({"current"}),
    "rejected": frozenset(),
}

PromotionKind = Literal["promote", "rollback"]


@dataclass(frozen=True, slots=True)
class Promotion:
    """One line of the history; the one with the highest number names the current model.

    rollback_to: number of the promotion that a rollback brings back; None: there is none.
    promoted_at_ms: unix ms, strictly increasing with number.
    """

    number: int
    version: str
    rollback_to: int | None
    promoted_at_ms: int


@dataclass(frozen=True, slots=True)
class Promote:
    """Make `version` current and retire the one that was."""

    version: str
    retire: str | None
    rollback_to: int | None
    promoted_at_ms: int
    kind: PromotionKind


@dataclass(frozen=True, slots=True)
class AlreadyCurrent:
    """Nothing to do: the answer to a repeated request."""

    version: str


def decide_promotion(
    version: str,
    state: ModelState | None,
    latest: Promotion | None,
    now_ms: int,
    *,
    again: bool = False,
) -> Promote | AlreadyCurrent | Refuse:
    """Decide whether `version` becomes current.

    state: its state, None where there is no such version. latest: the present promotion, if any.
    again: if it is current already, promote it once more, so that workers which refused it try
    again; a rollback brings back the same model as before.
    """
    if state is None:
        return Refuse(ErrorCode.NOT_FOUND, f"There is no model version {version!r}.")
    if state == "current" and again and latest is not None:
        at_ms = _after(latest, now_ms)
        return Promote(version, None, latest.rollback_to, promoted_at_ms=at_ms, kind="promote")
    if state == "current":
        return AlreadyCurrent(version)
    if "current" not in NEXT_STATES[state]:
        return Refuse(ErrorCode.CONFLICT, f"Model version {version!r} is {state}.")
    return Promote(
        version,
        retire=latest.version if latest else None,
        rollback_to=latest.number if latest else None,
        promoted_at_ms=_after(latest, now_ms),
        kind="promote",
    )


def decide_rollback(
    latest: Promotion | None,
    target: Promotion | None,
    target_state: ModelState | None,
    *,
    expected_version: str | None,
    now_ms: int,
) -> Promote | Refuse:
    """Decide whether the model before the present one becomes current again.

    target: the promotion that `latest.rollback_to` names, and its model's state.
    expected_version: what the caller believes to be current; a repeated request, whose first
    answer was lost, then cannot go back a second step. None: whatever is current.
    """
    if latest is None:
        return Refuse(ErrorCode.CONFLICT, "No model has been promoted yet.")
    if expected_version is not None and expected_version != latest.version:
        return Refuse(
            ErrorCode.CONFLICT,
            f"The current model is {latest.version!r}, not {expected_version!r}.",
        )
    if target is None or target_state is None:
        return Refuse(ErrorCode.CONFLICT, f"No model was current before {latest.version!r}.")
    if "current" not in NEXT_STATES[target_state]:
        return Refuse(ErrorCode.CONFLICT, f"Model version {target.version!r} is {target_state}.")
    return Promote(
        target.version,
        retire=latest.version,
        rollback_to=target.rollback_to,
        promoted_at_ms=_after(latest, now_ms),
        kind="rollback",
    )


def refuse_rejection(version: str, state: ModelState) -> Refuse | None:
    """Say why a version cannot become rejected; one that is rejected already may."""
    if state == "rejected" or "rejected" in NEXT_STATES[state]:
        return None
    return Refuse(ErrorCode.CONFLICT, f"Model version {version!r} is {state}.")


def _after(latest: Promotion | None, now_ms: int) -> int:
    # A clock set back must not make a newer promotion look older to those who read the topic.
    return now_ms if latest is None else max(now_ms, latest.promoted_at_ms + 1)
