"""The files of an upload request, and the result of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.core.faults import Fault
from gateway.core.upload_fields import UploadFields
from shared.contracts.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class UploadPart:
    """One file of a request in the spool. filename: from the client, never a path.

    is_zip: by its media type; a file that begins like a ZIP counts as one too.
    """

    filename: str | None
    start: int
    size_bytes: int
    is_zip: bool = False


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Limits of one request, and of concurrent requests."""

    max_files: int
    max_image_bytes: int
    max_dicom_bytes: int
    max_unpacked_bytes: int
    max_requests: int
    max_requests_per_client: int


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A request that was read completely."""

    parts: tuple[UploadPart, ...]
    fields: UploadFields


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible image. read: returns its bytes; blocks, and raises FaultError.

    folders: its folders in an archive, from the top; `choose_label` picks its label.
    """

    filename: str | None
    label: str
    size_bytes: int
    read: Callable[[], bytes]
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedImage:
    """A rejected file, with the reason."""

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
    """The result of every file, in the order of the request."""

    accepted: tuple[AcceptedImage, ...]
    rejected: tuple[RejectedImage, ...]


def summarise(rejected: Sequence[RejectedImage]) -> Fault:
    """Return the fault of a request without an accepted file."""
    codes = {each.code for each in rejected}
    if not rejected:
        return Fault(ErrorCode.MISSING_FIELD, "The request has no image.")
    if len(rejected) == 1:
        return Fault(rejected[0].code, rejected[0].detail)
    code = codes.pop() if len(codes) == 1 else ErrorCode.NOTHING_ACCEPTED
    return Fault(code, f"None of the {len(rejected)} files was accepted; see `rejected`.")


def too_many_files(max_files: int) -> Fault:
    """Return the fault of a request with too many files."""
    return Fault(ErrorCode.TOO_MANY_FILES, f"A request may have at most {max_files} files.")


def too_much(max_unpacked_bytes: int) -> Fault:
    """Return the fault of a request that unpacks to too many bytes."""
    limit = max_unpacked_bytes // (1024 * 1024)
    return Fault(ErrorCode.TOO_LARGE, f"The files unpack to more than {limit} MiB together.")
