"""What is said of trainings and of the models they leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pneumo import Epoch, Job, Model, UploadReport
from pneumo.insights import Curves, ValidationCurves
from ui.core.wording import count_of, moment_of_ms, percent, span, spoken

Row = Mapping[str, str]

_STATES: Mapping[str, str] = {
    "queued": "waits for a trainer",
    "running": "is training",
    "evaluating": "is being judged by the gate",
    "succeeded": "has succeeded",
    "rejected": "was rejected by the gate",
    "failed": "has failed",
    "cancelled": "was cancelled",
}
_SHORT_ID = 8
MODE_CAPTIONS: Mapping[str, str] = {
    "fast": "a new head, in seconds; needs at least 20 new images",
    "full": "the whole recipe on the trainer's own dataset folder",
}
NO_FULL = (
    "Mode full is not available: no trainer has PNEUMO_TRAINER_DATA and PNEUMO_TRAINER_WEIGHTS set."
)


@dataclass(frozen=True, slots=True)
class JobVerdict:
    """How a job ended, in a sentence. kind: success, warning or error."""

    kind: str
    text: str


def standing(job: Job) -> str:
    """Say where a job stands."""
    said = f"Job {short_id(job.id)} ({job.mode}) {_STATES.get(job.state, job.state)}"
    if job.has_ended:
        return f"{said}."
    if job.cancel_requested:
        return f"{said}; it was asked to stop."
    phase = f": {job.phase}" if job.phase else ""
    left = "" if job.seconds_left is None else f", about {span(job.seconds_left)} left"
    return f"{said}{phase}, {percent(job.progress, 0)} done{left}."


def verdict_on(job: Job, models: Sequence[Model]) -> JobVerdict:
    """Say how a job that has ended did, and what is to be done now."""
    match job.state:
        case "succeeded":
            return JobVerdict("success", _success(job, _state_of(job.model_version, models)))
        case "rejected":
            return JobVerdict("warning", _rejection(job))
        case "cancelled":
            return JobVerdict("warning", "The job was cancelled; nothing has changed.")
        case _:
            return JobVerdict("error", f"The job failed: {job.error or 'it gave no reason.'}")


def promotable(models: Sequence[Model]) -> Sequence[Model]:
    """Return the versions that could be made current: candidates first, each kind newest first.

    The first one is preselected. The version that was current before this one comes last, because
    it may just have been rolled back; to return to it there is "Roll back".
    """
    newest_first = list(reversed(models))
    candidates = [model for model in newest_first if model.state == "candidate"]
    retired = [model for model in newest_first if model.state == "retired"]
    before = max(retired, key=lambda model: model.promoted_at_ms or 0, default=None)
    return candidates + sorted(retired, key=lambda model: model is before)


def modes_to_choose(offered: Sequence[str] | None) -> list[str]:
    """Return the modes that a job may ask for; all where the offers are unknown."""
    return [mode for mode in MODE_CAPTIONS if mode == "fast" or offered is None or mode in offered]


def current_of(models: Sequence[Model]) -> Model | None:
    """Give the version that is served."""
    return next((model for model in models if model.state == "current"), None)


def job_rows(jobs: Sequence[Job]) -> list[Row]:
    """Give the history, newest first."""
    return [
        {
            "Asked for": moment_of_ms(job.requested_at_ms),
            "Job": short_id(job.id),
            "Mode": job.mode,
            "State": job.state,
            "Took": span((job.updated_at_ms - job.requested_at_ms) / 1000),
            "Model": job.model_version or "",
            "Why": job.error or "",
        }
        for job in jobs
    ]


def model_rows(models: Sequence[Model]) -> list[Row]:
    """Give every version, newest first."""
    return [
        {
            "Version": model.version,
            "State": model.state,
            "Classes": ", ".join(model.classes),
            "Made from": model.lineage.parent or "",
            "Promoted": moment_of_ms(model.promoted_at_ms),
        }
        for model in reversed(models)
    ]


def curves_of(epochs: Sequence[Epoch]) -> Curves | None:
    """Give a job's epochs as curves; None while there is none."""
    if not epochs:
        return None
    return Curves(
        epochs=tuple(each.epoch for each in epochs),
        loss=tuple(each.loss for each in epochs),
        validation=ValidationCurves(
            loss=tuple(each.validation.loss for each in epochs),
            accuracy=tuple(each.validation.accuracy for each in epochs),
            balanced_accuracy=tuple(each.validation.balanced_accuracy for each in epochs),
        ),
    )


def metric_rows(metrics: Mapping[str, float]) -> list[Row]:
    """Give what a job has measured so far."""
    return [{"Measure": spoken(name), "Value": f"{value:g}"} for name, value in metrics.items()]


def upload_sentence(report: UploadReport) -> str:
    """Say what became of an upload."""
    taken, refused = len(report.accepted), len(report.rejected)
    said = f"{count_of(taken, 'image')} taken"
    return f"{said}." if not refused else f"{said}, {count_of(refused, 'file')} refused."


def short_id(id_: str) -> str:
    """Give the part of an id that tells jobs apart: its end, for its beginning is the time."""
    return id_[-_SHORT_ID:]


def _success(job: Job, state: str | None) -> str:
    version = job.model_version or "a model"
    if state == "current":
        return f"The job succeeded, and {version} is the current model now."
    if state == "candidate":
        return f"The gate has accepted {version}. It waits to be promoted."
    return f"The job succeeded with {version}."


def _rejection(job: Job) -> str:
    failed = [check.name for check in job.gate.checks if not check.passed] if job.gate else []
    why = f" It failed {', '.join(map(spoken, failed))}." if failed else ""
    return f"The gate has refused {job.model_version or 'the candidate'}; nothing has changed.{why}"


def _state_of(version: str | None, models: Sequence[Model]) -> str | None:
    return next((model.state for model in models if model.version == version), None)
