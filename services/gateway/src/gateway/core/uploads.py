"""What a request for storing images consists of, and what is said of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.core.faults import Fault
from gateway.core.upload_fields import UploadFields
from shared.contracts.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class UploadPart:
    """One file of a request, as it lies in the spool. filename: the client's word, never a path.

    is_zip: the client says so; what begins like a ZIP is one without a word.
    """

    filename: str | None
    start: int
    size_bytes: int
    is_zip: bool = False


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one request may bring, and how many requests there may be at once."""

    max_files: int
    max_image_bytes: int
    max_dicom_bytes: int
    max_unpacked_bytes: int
    max_requests: int
    max_requests_per_client: int


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A request that was read to its end."""

    parts: tuple[UploadPart, ...]
    fields: UploadFields


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be an image. read: gives its bytes; blocks, and raises FaultError.

    folders: in an archive those it lies in, from the top; choose_label says which is its label.
    """

    filename: str | None
    label: str
    size_bytes: int
    read: Callable[[], bytes]
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedImage:
    """A file that was not taken, and why."""

    filename: str | None
    code: ErrorCode
    detail: str


@dataclass(frozen=True, slots=True)
class AcceptedImage:
    """An image that the broker has confirmed; sha256 names it.

    id: UUIDv7 of its record. upload_id: UUIDv7 of the request, the same for all its images.
    """

    id: str
    sha256: str
    filename: str | None
    label: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What became of every file, in the order of the request."""

    accepted: tuple[AcceptedImage, ...]
    rejected: tuple[RejectedImage, ...]


def summarise(rejected: Sequence[RejectedImage]) -> Fault:
    """Name what is wrong with a request of which nothing was taken."""
    codes = {each.code for each in rejected}
    if not rejected:
        return Fault(ErrorCode.MISSING_FIELD, "The request has no image.")
    if len(rejected) == 1:
        return Fault(rejected[0].code, rejected[0].detail)
    code = codes.pop() if len(codes) == 1 else ErrorCode.NOTHING_ACCEPTED
    return Fault(code, f"None of the {len(rejected)} files was accepted; see `rejected`.")


def too_many_files(max_files: int) -> Fault:
    """Say how many files a request may have."""
    return Fault(ErrorCode.TOO_MANY_FILES, f"A request may have at most {max_files} files.")


def too_much(max_unpacked_bytes: int) -> Fault:
    """Say how much the files of a request may be together."""
    limit = max_unpacked_bytes // (1024 * 1024)
    return Fault(ErrorCode.TOO_LARGE, f"The files unpack to more than {limit} MiB together.")
