"""The root of the process that does one job: reads its order, leaves its result."""

import os
from pathlib import Path

from structlog.contextvars import bind_contextvars

from shared.bundle_files import BundleError
from trainer.adapters.line_progress import LineProgress
from trainer.core.dataset import TooFewError
from trainer.core.labelling import UnlabelledError
from trainer.core.orders import ORDER_FILE, RESULT_FILE, JobError, JobOrder, JobResult
from trainer.core.replay import ReplayError
from trainer.main.full_packages import find_missing_packages

_DAMAGED = "The bundle of the current model is damaged."
_UNCONFIGURED = (
    "Full training is not configured here: PNEUMO_TRAINER_DATA and PNEUMO_TRAINER_WEIGHTS name "
    "the pictures and the backbone that it needs."
)


def run_job(folder: Path, progress: LineProgress) -> None:
    """Leave a result in the folder: a judged candidate, or one sentence that says what is wrong."""
    order = JobOrder.model_validate_json((folder / ORDER_FILE).read_bytes())
    bind_contextvars(job_id=order.job.id)
    part = folder / f"{RESULT_FILE}.part"
    with part.open("wb") as stream:
        stream.write(_result(order, folder, progress).to_bytes())
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(folder / RESULT_FILE)


def _result(order: JobOrder, folder: Path, progress: LineProgress) -> JobResult:
    try:
        if order.job.mode == "full":
            if order.data is None or order.weights is None:
                return JobResult(error=_UNCONFIGURED)
            missing = find_missing_packages()
            if missing is not None:
                return JobResult(error=missing)
            # Only here is TensorFlow loaded.
            from trainer.main.full import run_full  # noqa: PLC0415

            return run_full(order, folder, progress)
        from trainer.main.fast import run_fast  # noqa: PLC0415

        return run_fast(order, folder, progress)
    except BundleError:
        return JobResult(error=_DAMAGED)
    except (JobError, ReplayError, TooFewError, UnlabelledError) as error:
        return JobResult(error=str(error))
