"""Which model names and versions can be asked for: the current one's, and whether it is there."""

from collections.abc import Sequence

from gateway.core.faults import Fault
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelPromoted, WorkerStatus


def choose_model(
    current: ModelPromoted | None, name: str, version: str | None
) -> ModelPromoted | Fault:
    """Give the current model if it is the one that is meant. version: None: whichever it is."""
    if current is None:
        return Fault(ErrorCode.NOT_FOUND, "No model is current yet.")
    if name != current.name:
        return Fault(ErrorCode.NOT_FOUND, f"The only model is '{current.name}'.")
    if version not in {None, current.version}:
        detail = f"Only the current version is served: '{current.version}'."
        return Fault(ErrorCode.NOT_FOUND, detail)
    return current


def is_loaded(workers: Sequence[WorkerStatus], version: str | None) -> bool:
    """Tell whether a worker is ready, with that version if one is named."""
    return any(
        worker.ready and worker.version is not None and version in {None, worker.version}
        for worker in workers
    )
