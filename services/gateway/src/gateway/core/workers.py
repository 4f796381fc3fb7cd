"""The present workers, from their status reports."""

from collections.abc import Mapping

from shared.contracts.models import WorkerStatus

SILENT_AFTER_MS = 30_000
"""Age of a status report from which its worker no longer counts; reports come every few seconds."""

_UNTYPED_REFUSAL = "A worker of an older release refused it; see that worker's log."


def without_error_text(status: WorkerStatus) -> WorkerStatus:
    """Replace a refusal without a code: older workers send error text that contains paths."""
    if status.refusal is None or status.refusal_code is not None:
        return status
    return status.model_copy(update={"refusal": _UNTYPED_REFUSAL})


def recent_workers(statuses: Mapping[str, WorkerStatus], now_ms: int) -> tuple[WorkerStatus, ...]:
    """Return the workers with a recent status report, sorted by id."""
    recent = (s for s in statuses.values() if now_ms - s.at_ms < SILENT_AFTER_MS)
    return tuple(sorted(recent, key=lambda status: status.id))
