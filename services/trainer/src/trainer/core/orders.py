"""What lies in a job's folder: the order, and in the end the result; and what is told meanwhile."""

from typing import Literal

from pydantic import Field

from shared.contracts.bundle import Version
from shared.contracts.dataset import DatasetSnapshot
from shared.contracts.message import Message
from shared.contracts.train import Curves, GateReport, Job

ORDER_FILE = "order.json"
RESULT_FILE = "result.json"
CANDIDATE = "candidate"
"""The folder of the candidate's bundle."""

DISK_FAILED = (
    "The trainer's disk is full or failed: free space in its cache folder, then request the"
    " training again."
)
DISK_FAILED_EXIT = 74
"""Exit code of a training process whose disk failed: it may be unable to leave its result."""

_UNIQUE_DIGITS = 6


class JobError(Exception):
    """The job cannot be done; the message is one sentence for the person who asked for it."""


class JobOrder(Message):
    """All that the training process is told. Paths are of this machine.

    bundle: the current model's. images: labelled uploads, filed by sha256. version: the
    candidate's. data, weights: what mode full needs beside the uploads.
    """

    job: Job
    snapshot: DatasetSnapshot
    current_sha256: str
    bundle: str
    images: str
    cache: str
    version: Version
    code_version: str
    ordered_at_ms: int
    data: str | None = None
    weights: str | None = None


class JobResult(Message):
    """How the training process ended: with a judged candidate, or with an error."""

    gate: GateReport | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    error: str | None = None


class JobLine(Message):
    """One line of the training process's output: where it stands. progress: 0 to 1."""

    state: Literal["running", "evaluating"] = "running"
    phase: str
    progress: float = Field(ge=0.0, le=1.0)
    seconds_left: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    curves: Curves = ()


def read_line(line: bytes) -> JobLine | None:
    """Read a line; None where a library wrote it."""
    try:
        return JobLine.model_validate_json(line)
    except ValueError:
        return None


def candidate_version(job: Job, stamp: str) -> str:
    """Name a candidate: by the time of its order, its job, and from the second attempt on by that.

    Another attempt may give other bytes, and a version never has two.
    """
    unique = job.id.replace("-", "")[-_UNIQUE_DIGITS:]
    again = f"-{job.attempt}" if job.attempt > 1 else ""
    return f"{stamp}-{unique}{again}"
