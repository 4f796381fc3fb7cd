"""Limits of the HTTP routes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Seconds a client may wait, and bytes that an image, or a DICOM file, may have."""

    default_wait_s: float
    max_wait_s: float
    max_image_bytes: int
    max_dicom_bytes: int

    def body_bytes(self, content_type: str) -> int:
        """Return the bytes kept of a body. A form's kind of file is known only from its content."""
        if content_type.lower().startswith("image/"):
            return self.max_image_bytes
        return max(self.max_image_bytes, self.max_dicom_bytes)


@dataclass(frozen=True, slots=True)
class InferLimits:
    """The same of the Open Inference Protocol. max_bytes: of one body, as it comes and unpacked."""

    default_wait_s: float
    max_wait_s: float
    max_image_bytes: int
    max_dicom_bytes: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class UploadBodyLimits:
    """Bytes and files of one upload, and seconds in which it must have arrived."""

    max_bytes: int
    max_files: int
    timeout_s: float
