"""Changes of the current model, each with its event, inside somebody's transaction."""

from registry.core.lifecycle import AlreadyCurrent, Promote, decide_promotion, decide_rollback
from registry.core.refusals import Refuse
from registry.ports import Event, Transaction
from shared.contracts.models import ModelPromoted, ModelRecord
from shared.contracts.topics import MODELS_EVENTS


def promote(
    tx: Transaction, version: str, now_ms: int, *, again: bool = False
) -> ModelRecord | Refuse:
    """Make a version current; the current one changes nothing, or with `again` is announced."""
    record = tx.model(version)
    state = record.state if record else None
    decision = decide_promotion(version, state, tx.latest_promotion(), now_ms, again=again)
    return decision if isinstance(decision, Refuse) else _carry_out(tx, decision, now_ms)


def roll_back(tx: Transaction, expected_version: str | None, now_ms: int) -> ModelRecord | Refuse:
    """Make the model before the present one current again."""
    latest = tx.latest_promotion()
    number = latest.rollback_to if latest else None
    target = tx.promotion(number) if number is not None else None
    record = tx.model(target.version) if target else None
    decision = decide_rollback(
        latest,
        target,
        record.state if record else None,
        expected_version=expected_version,
        now_ms=now_ms,
    )
    return decision if isinstance(decision, Refuse) else _carry_out(tx, decision, now_ms)


def _carry_out(tx: Transaction, decision: Promote | AlreadyCurrent, now_ms: int) -> ModelRecord:
    if isinstance(decision, Promote):
        tx.record_promotion(decision)
    record = tx.model(decision.version)
    assert record is not None, "a version that was decided on exists"
    if isinstance(decision, Promote):
        tx.enqueue(_promoted(record, decision), now_ms)
    return record


def _promoted(record: ModelRecord, decision: Promote) -> Event:
    body = ModelPromoted(
        name=record.name,
        version=record.version,
        bundle_sha256=record.bundle_sha256,
        promoted_at_ms=decision.promoted_at_ms,
    )
    return Event(MODELS_EVENTS.name, key=record.name, value=body.to_bytes())
