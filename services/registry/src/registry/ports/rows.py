"""Rows of the dataset, of the jobs and of leases, within a transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from registry.core.backup import NamedFile
from registry.core.dataset import Deletion, JobMark, UploadCounts
from registry.core.dataset_pages import DatasetFilter, PagePlace
from registry.core.jobs import KeptJob
from registry.core.lease import Lease
from shared.contracts.dataset import DatasetImage, DatasetSummary
from shared.contracts.train import GateReport, JobState, Mode


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Something was done to an image of the dataset, or to a model.

    sha256: the image's, or the bundle's. upload_ends: of a deleted image, see Deletion.
    """

    sha256: str
    action: Literal["conflict", "relabelled", "deleted", "model_deleted"]
    detail: str
    at_ms: int
    upload_ends: Mapping[int, int] | None = None


class DatasetRows(Protocol):
    """The dataset's part of a transaction."""

    def image(self, sha256: str) -> DatasetImage | None:
        """Give one image with its open conflicts."""
        ...

    def images(
        self, wanted: DatasetFilter, *, limit: int, behind: PagePlace | None = None
    ) -> Sequence[DatasetImage]:
        """Return the newest images with their open conflicts, newest first, behind that one."""
        ...

    def count_images(self, wanted: DatasetFilter) -> int:
        """Count the images that match."""
        ...

    def usable_images(self) -> Sequence[DatasetImage]:
        """Give every image without an open conflict, in any order."""
        ...

    def image_files(self, behind: str, limit: int) -> Sequence[NamedFile]:
        """Give the files of images in the order of their sha256, from behind this one on."""
        ...

    def dataset_summary(self) -> DatasetSummary:
        """Count all images."""
        ...

    def dataset_bytes(self) -> int:
        """Give what the files of all images take together."""
        ...

    def upload_counts(self, since: JobMark | None) -> UploadCounts:
        """Count the images without an open conflict. since: new is what was stored after it."""
        ...

    def overruled_labels(self, sha256: str) -> frozenset[str]:
        """Give the labels of an image that somebody decided against."""
        ...

    def deletion(self, sha256: str) -> Deletion | None:
        """Give the last deletion of an image of these bytes."""
        ...

    def deleted_images(self) -> Sequence[str]:
        """Give the sha256 of what was deleted and did not come back."""
        ...

    def add_image(self, image: DatasetImage) -> None:
        """Keep a new image; it has no conflict."""
        ...

    def add_conflict(self, sha256: str, label: str) -> None:
        """Note another label that somebody claimed for an image."""
        ...

    def decide_label(self, sha256: str, label: str, overruled: Iterable[str]) -> None:
        """Give an image its label, close its conflicts, and remember what was decided against."""
        ...

    def remove_image(self, sha256: str) -> None:
        """Forget an image, but not its audit."""
        ...

    def audit(self, line: AuditLine) -> None:
        """Append a line to the audit."""
        ...

    def audit_of(self, sha256: str) -> Sequence[AuditLine]:
        """Give what was done to an image, oldest first."""
        ...


class LeaseRows(Protocol):
    """The leases' part of a transaction."""

    def lease(self, name: str) -> Lease | None:
        """Give who has it, or had it last."""
        ...

    def keep_lease(self, name: str, lease: Lease) -> None:
        """Write who has it from now on."""
        ...

    def end_lease(self, name: str, holder: str) -> None:
        """Give it up; nothing happens if another has it."""
        ...


class JobRows(Protocol):
    """The jobs' part of a transaction."""

    def job(self, id_: str) -> KeptJob | None:
        """Give one job."""
        ...

    def jobs(self, limit: int) -> Sequence[KeptJob]:
        """Give the newest jobs, newest first."""
        ...

    def claimable_jobs(self, now_ms: int, limit: int) -> Sequence[KeptJob]:
        """Give the oldest jobs that have not ended and that nobody holds, oldest first."""
        ...

    def has_open_jobs(self, *, running: bool = False) -> bool:
        """Tell whether any job has not ended. running: only those that a trainer has begun."""
        ...

    def count_open_jobs(self, mode: Mode) -> int:
        """Count the jobs of a mode that have not ended."""
        ...

    def add_job(self, kept: KeptJob) -> None:
        """Keep a new job."""
        ...

    def save_job(self, kept: KeptJob) -> None:
        """Keep a job as it is now."""
        ...

    def job_counts(self) -> Mapping[JobState, int]:
        """Count the jobs in each state that has any."""
        ...

    def last_gate(self) -> GateReport | None:
        """Give what the gate said of the last job that came to it and ended."""
        ...

    def last_request(self, mode: Mode) -> JobMark | None:
        """Give the mark of the last job of a mode, however it ended."""
        ...

    def last_success(self, mode: Mode) -> JobMark | None:
        """Give the mark of the last job of a mode that succeeded."""
        ...
