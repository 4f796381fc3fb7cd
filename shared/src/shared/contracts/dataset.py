"""Labelled uploads, and the dataset that the registry keeps of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, ValidationError

from shared.contracts.bundle import Sha256
from shared.contracts.message import Message

SCHEMA = "upload.image/1"

Label = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$")]
"""A class name as uploads may carry it: never a path, never a formula."""

Word = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$")]
"""A patient's or a source's pseudonym."""


class UploadHeaders(Message):
    """What travels beside the image on `uploads.labelled` (key: sha256 of the value, hex).

    id: of this image's record. upload_id: of the request that it came with; release 0.1.0
    does not send it.
    """

    id: str
    label: Label
    content_type: str
    patient: Word | None = None
    source: Word = "upload"
    upload_id: Word | None = None

    def encode(self) -> list[tuple[str, bytes]]:
        """Give the Kafka headers."""
        fields = {"id": self.id, "schema": SCHEMA, "content-type": self.content_type}
        fields |= {"label": self.label, "source": self.source}
        if self.patient is not None:
            fields["patient"] = self.patient
        if self.upload_id is not None:
            fields["upload-id"] = self.upload_id
        return [(name, value.encode()) for name, value in fields.items()]


@dataclass(frozen=True, slots=True)
class UploadHeadersError(ValueError):
    """The record is no upload.

    Its detail names headers and never quotes them: it is logged, and anybody may have written them.
    """

    detail: str


def parse_upload_headers(headers: Sequence[tuple[str, bytes]]) -> UploadHeaders:
    """Read Kafka headers. Raises UploadHeadersError."""
    try:
        fields = {name: value.decode("ascii") for name, value in headers}
        schema = fields["schema"]
        upload = UploadHeaders(
            id=fields["id"],
            label=fields["label"],
            content_type=fields["content-type"],
            patient=fields.get("patient"),
            source=fields.get("source", "upload"),
            upload_id=fields.get("upload-id"),
        )
    except KeyError as error:
        raise UploadHeadersError(f"header {error} is missing") from None
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        # Not `from error`: a logged trace would quote the header.
        raise UploadHeadersError(f"unreadable headers: {wrong}") from None
    except ValueError as error:
        raise UploadHeadersError(f"unreadable headers: {type(error).__name__}") from None
    if schema != SCHEMA:
        raise UploadHeadersError(f"the schema is not {SCHEMA!r}")
    return upload


class DatasetImage(Message):
    """One stored image. conflict: labels that other uploads of the same bytes claimed.

    upload_id: of the request that stored it first; None for images of earlier releases.
    """

    sha256: Sha256
    label: Label
    patient: Word | None
    source: Word
    content_type: str
    size_bytes: int = Field(ge=0)
    created_at_ms: int
    conflict: tuple[Label, ...] = ()
    upload_id: Word | None = None


MAX_PAGE_IMAGES = 500

Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,18}-[0-9a-f]{64}$")]
"""Where a page of images begins; opaque to clients."""


class DatasetPage(Message):
    """Stored images, newest first. next: the cursor of the page after it; None on the last one."""

    images: tuple[DatasetImage, ...]
    next: Cursor | None = None


class DeletedImages(Message):
    """How many images one request deleted, and how many still match: repeat it until none do."""

    deleted: int = Field(ge=0)
    left: int = Field(ge=0)


class DatasetSummary(Message):
    """Counts over the stored images; conflicts: images that await a decision on their label."""

    total: int = Field(ge=0)
    by_class: dict[str, int]
    by_source: dict[str, int]
    conflicts: int = Field(ge=0)


class DatasetSnapshot(Message):
    """What a training sees: every image without a conflict, ordered by sha256.

    sha256: over the lines "sha256 label patient source" of the images, in order.
    """

    sha256: Sha256
    images: tuple[DatasetImage, ...]
