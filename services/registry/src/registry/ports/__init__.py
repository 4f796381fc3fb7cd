"""What the story needs from outside, and how the outside may let it down."""

from registry.ports.broker import (
    OpenPublisher,
    OpenUploads,
    UploadEnds,
    UploadFeed,
    UploadRecord,
)
from registry.ports.copying import BackupError, CopyRows, End
from registry.ports.files import (
    Artifacts,
    ArtifactsUnavailableError,
    ImageFiles,
    MeasuredImage,
    MeasuringError,
    PictureMeasures,
    SeedSource,
    Stored,
)
from registry.ports.rows import AuditLine, DatasetRows, JobRows, LeaseRows
from registry.ports.store import Event, Store, StoreUnavailableError, Transaction, UnsentEvent

__all__ = [
    "Artifacts",
    "ArtifactsUnavailableError",
    "AuditLine",
    "BackupError",
    "CopyRows",
    "DatasetRows",
    "End",
    "Event",
    "ImageFiles",
    "JobRows",
    "LeaseRows",
    "MeasuredImage",
    "MeasuringError",
    "OpenPublisher",
    "OpenUploads",
    "PictureMeasures",
    "SeedSource",
    "StartError",
    "Store",
    "StoreUnavailableError",
    "Stored",
    "Transaction",
    "UnsentEvent",
    "UploadEnds",
    "UploadFeed",
    "UploadRecord",
]


class StartError(Exception):
    """The registry cannot start; the message is one sentence for the operator."""
