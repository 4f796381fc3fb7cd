"""Which workers there are, from their own word."""

from collections.abc import Mapping

from shared.contracts.models import WorkerStatus

SILENT_AFTER_MS = 30_000
"""A worker that has said nothing for so long is not counted; it reports every few seconds."""


def present_workers(statuses: Mapping[str, WorkerStatus], now_ms: int) -> tuple[WorkerStatus, ...]:
    """Give the workers heard of lately, by id."""
    heard = (s for s in statuses.values() if now_ms - s.at_ms < SILENT_AFTER_MS)
    return tuple(sorted(heard, key=lambda status: status.id))
