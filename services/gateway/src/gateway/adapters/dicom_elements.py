"""Elements of a DICOM file, with a reason that names the element where one cannot be used.

Imported by the decoder's process alone.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.core.dicom import About
from gateway.core.faults import Fault
from gateway.ports import FaultError
from shared.contracts.errors import ErrorCode

_REQUIRED = ("Rows", "Columns", "BitsAllocated", "PhotometricInterpretation")
_WHOLE = ("BitsStored", "HighBit", "SamplesPerPixel", "PixelRepresentation", "NumberOfFrames")
_FOR_PROCESSING = "FOR PROCESSING"
_PROCESSING_CLASS = "1.2.840.10008.5.1.4.1.1.1.1.1"
"""Digital X-Ray Image Storage, For Processing."""
_QUOTABLE = re.compile(r"[0-9+\-.,eE\\ ]{1,24}")
"""A refusal quotes figures alone: anything else in a file may name a patient."""


def undecodable(detail: str) -> FaultError:
    """Return the error for a file that cannot be decoded."""
    return FaultError(Fault(ErrorCode.UNDECODABLE, detail))


def complete(dataset: pydicom.Dataset) -> None:
    """Fill in what files leave out and pydicom needs. Raises FaultError, which names the element.

    One sample, unsigned, and all allocated bits stored are what viewers assume. There is no such
    default for PhotometricInterpretation: a wrong one shows the negative.
    """
    for name in _REQUIRED:
        if dataset.get_item(_tag(name)) is None or dataset.get(name) in (None, ""):
            raise undecodable(f"The DICOM file has no {name}.")
    rows, columns = read_whole(dataset, "Rows"), read_whole(dataset, "Columns")
    allocated = read_whole(dataset, "BitsAllocated")
    if not rows or not columns:
        raise undecodable("The DICOM file has no pixels: Rows or Columns is 0.")
    stored = read_whole(dataset, "BitsStored", allocated)
    defaults = {"BitsStored": stored, "HighBit": stored - 1}
    _name_polarity(dataset)
    for name in _WHOLE:
        default = defaults.get(name, int(name in ("SamplesPerPixel", "NumberOfFrames")))
        value = read_whole(dataset, name, default)
        if name != "NumberOfFrames":
            setattr(dataset, name, value)
    if dataset.PixelRepresentation not in (0, 1):
        raise undecodable(f"PixelRepresentation {dataset.PixelRepresentation} is neither 0 nor 1.")
    _name_transfer_syntax(dataset, rows * columns * -(-allocated // 8))


def _name_polarity(dataset: pydicom.Dataset) -> None:
    """Accept a lower-case PhotometricInterpretation."""
    word = _word(dataset.PhotometricInterpretation)
    if word != dataset.PhotometricInterpretation:
        dataset.PhotometricInterpretation = word


def _name_transfer_syntax(dataset: pydicom.Dataset, frame_bytes: int) -> None:
    """Let uncompressed pixels be read as the dataset itself was, where no syntax is named."""
    if "TransferSyntaxUID" in dataset.file_meta or "PixelData" not in dataset:
        return
    is_implicit, is_little = dataset.original_encoding
    if not is_little or len(dataset.PixelData) < frame_bytes:
        raise undecodable("The file does not name its transfer syntax.")
    syntax = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = syntax


def read_whole(dataset: pydicom.Dataset, name: str, default: int = 0) -> int:
    """Return the first value of an element, or the default. Raises FaultError."""
    try:
        return int(_first(dataset, name, default))
    except (ValueError, TypeError, OverflowError) as error:
        raise undecodable(f"{_quoted(dataset, name)} is not a whole number.") from error


def read_number(dataset: pydicom.Dataset, name: str, default: float) -> float:
    """Return the first value of an element, finite, or the default. Raises FaultError."""
    try:
        number = float(_first(dataset, name, default))
    except (ValueError, TypeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise undecodable(f"{_quoted(dataset, name)} is not a number.")
    return number


def read_number_or_nan(dataset: pydicom.Dataset, name: str) -> float:
    """Return the first value of an element that a file may do without; NaN if it has no use."""
    try:
        return read_number(dataset, name, math.nan)
    except FaultError:
        return math.nan


def read_padding(dataset: pydicom.Dataset, *, is_signed: bool) -> tuple[int, int] | None:
    """Return the stored values, both included, that are no image."""
    if dataset.get_item(_tag("PixelPaddingValue")) is None:
        return None
    value = read_whole(dataset, "PixelPaddingValue")
    limit = read_whole(dataset, "PixelPaddingRangeLimit") or value
    bits = dataset.BitsAllocated
    ends = [_stored(end, bits, is_signed=is_signed) for end in (value, limit)]
    return min(ends), max(ends)


def _stored(value: int, bits: int, *, is_signed: bool) -> int:
    # Written as US where it should be SS, and the other way round: the bits count.
    value &= (1 << bits) - 1
    return value - (1 << bits) if is_signed and value >> (bits - 1) else value


def read_about(dataset: pydicom.Dataset) -> About:
    """Return what the file says of itself."""
    intent = _word(dataset.get("PresentationIntentType"))
    is_raw = intent == _FOR_PROCESSING or dataset.get("SOPClassUID") == _PROCESSING_CLASS
    return About(
        modality=_word(dataset.get("Modality")),
        view=_word(dataset.get("ViewPosition")),
        body_part=_word(dataset.get("BodyPartExamined")),
        burned_in=_word(dataset.get("BurnedInAnnotation")),
        is_for_processing=is_raw,
    )


def _word(value: object) -> str | None:
    return str(value).strip().upper() or None if value is not None else None


def _first(dataset: pydicom.Dataset, name: str, default: float) -> Any:
    value = dataset.get(name)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        value = value[0] if value else None
    return default if value is None or value == "" else value


def _quoted(dataset: pydicom.Dataset, name: str) -> str:
    element = dataset.get_item(_tag(name))
    raw = getattr(element, "value", None)
    text = raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
    text = text.strip(" \0")
    return f"{name} '{text}'" if _QUOTABLE.fullmatch(text) else f"The value of {name}"


def _tag(name: str) -> int:
    tag = tag_for_keyword(name)
    assert tag is not None
    return tag
