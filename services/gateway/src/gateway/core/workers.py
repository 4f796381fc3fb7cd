"""Which workers there are, from their own word."""

from collections.abc import Mapping

from shared.contracts.models import WorkerStatus

SILENT_AFTER_MS = 30_000
"""A worker that has said nothing for so long is not counted; it reports every few seconds."""

_UNTYPED_REFUSAL = "A worker of an older release refused it; its log says why."


def without_error_text(status: WorkerStatus) -> WorkerStatus:
    """Replace a refusal without a code: such a worker reports its error's text, with its paths."""
    if status.refusal is None or status.refusal_code is not None:
        return status
    return status.model_copy(update={"refusal": _UNTYPED_REFUSAL})


def recent_workers(statuses: Mapping[str, WorkerStatus], now_ms: int) -> tuple[WorkerStatus, ...]:
    """Give the workers heard of lately, by id."""
    heard = (s for s in statuses.values() if now_ms - s.at_ms < SILENT_AFTER_MS)
    return tuple(sorted(heard, key=lambda status: status.id))
