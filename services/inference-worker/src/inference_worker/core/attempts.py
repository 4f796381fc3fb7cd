"""How long one step of an attempt, a decode or a call of the engine, may take."""

from collections.abc import Sequence

from inference_worker.core.requests import PredictRequest
from inference_worker.core.retries import FailedAttempt
from shared.contracts.dead_letters import Cause

BUSY_SHARE = 0.5
"""Of the bound, as CPU time of the computing thread: less, and the machine is what is slow."""

PATIENCE = 4
"""Times the bound, after which a step is stuck however little CPU time it got."""


def is_overdue(wall_s: float, cpu_s: float, bound_s: float) -> bool:
    """Tell whether a step that has run so long is stuck, and not merely kept from the CPU.

    wall_s: without time in which the whole process was stopped. cpu_s: of its thread; 0 where it
    cannot be measured.
    """
    if wall_s >= bound_s * PATIENCE:
        return True
    return wall_s >= bound_s and cpu_s >= bound_s * BUSY_SHARE


def split_overdue(
    batch: Sequence[PredictRequest],
    culprits: Sequence[PredictRequest],
    error: str,
    *,
    in_engine: bool,
) -> tuple[FailedAttempt, list[PredictRequest]] | None:
    """Part the one image that a step is stuck with from the others, which are tried again.

    None: it is not known which image it is, or the others would need the engine that is held.
    error: one line, for the dead letter.
    """
    ids = {request.headers.id for request in culprits}
    others = [request for request in batch if request.headers.id not in ids]
    if len(culprits) != 1 or (in_engine and others):
        return None
    return FailedAttempt(culprits[0], Cause.WORKER_CRASHED, error), others
