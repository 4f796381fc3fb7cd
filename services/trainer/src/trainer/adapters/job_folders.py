"""What a job leaves on disk: its order, its candidate, its result; forgotten once it has ended."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from trainer.core.orders import CANDIDATE, ORDER_FILE, RESULT_FILE, JobOrder, JobResult


class JobFolders:
    """One folder a job, under its id."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def jobs(self) -> Sequence[str]:
        """List the jobs that left something."""
        return sorted(path.name for path in self._root.iterdir()) if self._root.is_dir() else []

    def begin(self, order: JobOrder) -> Path:
        """Give an empty folder that holds the order, durably."""
        self.remove(order.job.id)
        folder = self._root / order.job.id
        folder.mkdir(parents=True)
        part = folder / f"{ORDER_FILE}.part"
        with part.open("wb") as stream:
            stream.write(order.to_bytes())
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(folder / ORDER_FILE)
        return folder

    def result(self, job_id: str) -> JobResult | None:
        """Give how the job's process ended; None before its end, or if nothing can be read."""
        try:
            return JobResult.model_validate_json((self._root / job_id / RESULT_FILE).read_bytes())
        except (OSError, ValidationError):
            return None

    def candidate(self, job_id: str) -> Path:
        """Give where the candidate's bundle lies once there is a result."""
        return self._root / job_id / CANDIDATE

    def remove(self, job_id: str) -> None:
        """Forget a job."""
        shutil.rmtree(self._root / job_id, ignore_errors=True)
