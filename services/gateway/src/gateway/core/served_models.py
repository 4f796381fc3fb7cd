"""The model names and versions that can be requested: those of the current model."""

from collections.abc import Sequence

from gateway.core.faults import Fault
from shared.contracts.errors import ErrorCode
from shared.contracts.models import ModelPromoted, WorkerStatus


def choose_model(
    current: ModelPromoted | None, name: str, version: str | None
) -> ModelPromoted | Fault:
    """Return the current model if name and version match it. version: None matches any."""
    if current is None:
        return Fault(ErrorCode.NOT_FOUND, "There is no current model yet.")
    if name != current.name:
        return Fault(ErrorCode.NOT_FOUND, f"The only model is '{current.name}'.")
    if version not in {None, current.version}:
        detail = f"Only the current version is served: '{current.version}'."
        return Fault(ErrorCode.NOT_FOUND, detail)
    return current


def is_loaded(workers: Sequence[WorkerStatus], version: str | None) -> bool:
    """Return whether a worker is ready, with this version if one is given."""
    return any(
        worker.ready and worker.version is not None and version in {None, worker.version}
        for worker in workers
    )
