"""The limits the HTTP routes keep to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Seconds a client may wait, and bytes an image may have."""

    default_wait_s: float
    max_wait_s: float
    max_image_bytes: int


@dataclass(frozen=True, slots=True)
class UploadBodyLimits:
    """Bytes and files of one upload, and seconds in which it must have arrived."""

    max_bytes: int
    max_files: int
    timeout_s: float
