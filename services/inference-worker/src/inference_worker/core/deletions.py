"""Which accepted requests an outage has left without a record: retention deleted them unanswered.

docs/architecture/terminal-answers.md, docs/decisions/0014
"""

from collections.abc import Mapping
from typing import TypeAlias

from shared.contracts.accepted import AcceptedRequest
from shared.contracts.topics import RESULTS_RETENTION_MS

Gaps: TypeAlias = Mapping[int, range]
"""Offsets by partition that were deleted before this group had answered them."""

_MARGIN_MS = 60_000


def lost_request(entry: AcceptedRequest, _made_ms: int, gaps: Gaps, _now_ms: int) -> bool:
    """Tell whether the request's record was in a gap of `predict.requests`."""
    return entry.offset in gaps.get(entry.partition, ())


def lost_retry(entry: AcceptedRequest, made_ms: int, gaps: Gaps, now_ms: int) -> bool:
    """Tell whether the request may have been in a gap of `predict.retry`.

    Where its retry was is not known. Its deadline has passed, so nothing but `expired` can follow;
    and it is young enough for its outcome, if it had one, to be on `predict.results` still.
    """
    is_verifiable = made_ms > now_ms - RESULTS_RETENTION_MS + _MARGIN_MS
    return bool(gaps) and entry.deadline_ms <= now_ms and is_verifiable
