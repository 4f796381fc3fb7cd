"""The checks on an uploaded file: read, decode, hash. Blocking."""

import hashlib
from dataclasses import dataclass

from gateway.core.dicom import is_dicom
from gateway.core.faults import Fault
from gateway.core.uploads import Candidate, UploadLimits
from gateway.core.zip_entries import is_archive, too_large
from gateway.ports import FaultError
from shared.contracts.errors import ErrorCode
from shared.image_headers import FORMATS, read_header
from shared.preprocessing import ImageError, decode_grey

MIN_SIDE_PX = 32
"""Minimum side of an image in pixels; a smaller one shows no lung."""

MIN_GREY_LEVELS = 4
"""Minimum distance of the darkest from the brightest level; less is a blank image."""

_DECODED_PX = 224
_CONTENT_TYPES = {name: f"image/{name.lower()}" for name in FORMATS}


@dataclass(frozen=True, slots=True)
class Inspected:
    """A decodable image. content_type: from its bytes, not from the client."""

    content: bytes
    sha256: str
    content_type: str


def read_upload(candidate: Candidate, limits: UploadLimits) -> bytes | Fault:
    """Read one file: an image, or DICOM, which may be larger."""
    if candidate.size_bytes > max(limits.max_image_bytes, limits.max_dicom_bytes):
        return too_large(limits.max_image_bytes)
    try:
        content = candidate.read()
    except FaultError as error:
        return error.fault
    max_bytes = limits.max_dicom_bytes if is_dicom(content) else limits.max_image_bytes
    return too_large(max_bytes) if len(content) > max_bytes else content


def inspect_image(content: bytes) -> Inspected | Fault:
    """Decode one image: a valid header does not make the pixels valid."""
    try:
        return _inspect(content)
    except ImageError as error:
        return Fault(error.code, error.detail)


def _inspect(content: bytes) -> Inspected | Fault:
    if is_archive(content):
        detail = "An archive inside an archive is not supported."
        return Fault(ErrorCode.UNSUPPORTED_ENTRY, detail)
    header = read_header(content)
    if min(header.width, header.height) < MIN_SIDE_PX:
        detail = f"The image has a side of less than {MIN_SIDE_PX} pixels."
        return Fault(ErrorCode.TOO_FEW_PIXELS, detail)
    grey = decode_grey(content, _DECODED_PX)
    if int(grey.max()) - int(grey.min()) < MIN_GREY_LEVELS:
        detail = "The image is blank: all its pixels have the same grey level."
        return Fault(ErrorCode.UNDECODABLE, detail)
    content_type = _CONTENT_TYPES[header.format]
    return Inspected(content, hashlib.sha256(content).hexdigest(), content_type)
