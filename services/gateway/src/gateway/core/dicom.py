"""DICOM: recognising a file, its warnings, and the output of the decoder."""

from dataclasses import dataclass
from enum import StrEnum

MEDIA_TYPE = "application/dicom"
SUFFIXES = (".dcm", ".dicom")
MAGIC, MAGIC_AT = b"DICM", 128
HEAD_BYTES = MAGIC_AT + len(MAGIC)
"""Number of first bytes that identify a DICOM file (PS3.10, 7.1)."""


class Warned(StrEnum):
    """Warnings from a DICOM file's metadata. Values are never renamed or reused."""

    VIEW_NOT_FRONTAL = "view_not_frontal"
    VIEW_UNKNOWN = "view_unknown"
    MODALITY_NOT_RADIOGRAPHY = "modality_not_radiography"
    BODY_PART_NOT_CHEST = "body_part_not_chest"
    BURNED_IN_ANNOTATION = "burned_in_annotation"
    NO_WINDOW = "no_window"
    FOR_PROCESSING = "for_processing"
    BITS_ABOVE_STORED = "bits_above_stored"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The decoder's output: a grey 8-bit PNG without metadata of the file."""

    png: bytes
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class About:
    """The metadata that is read from a file, None where absent. Never patient data."""

    modality: str | None
    view: str | None
    body_part: str | None
    burned_in: str | None
    is_for_processing: bool = False


_RADIOGRAPHY = frozenset(("CR", "DX"))
_FRONTAL = frozenset(("PA", "AP"))
_CHEST = frozenset(("CHEST", "THORAX", "LUNG"))


def is_dicom(head: bytes) -> bool:
    """Return whether the first `HEAD_BYTES` bytes are those of a DICOM file."""
    return head[MAGIC_AT:HEAD_BYTES] == MAGIC


def find_warnings(
    about: About, *, has_window: bool, has_bits_above: bool = False
) -> tuple[str, ...]:
    """Return warnings: the model was not trained for this kind of image, or it may mislead."""
    found = (
        (Warned.MODALITY_NOT_RADIOGRAPHY, about.modality not in _RADIOGRAPHY),
        (Warned.VIEW_UNKNOWN, about.view is None),
        (Warned.VIEW_NOT_FRONTAL, about.view is not None and about.view not in _FRONTAL),
        (
            Warned.BODY_PART_NOT_CHEST,
            about.body_part is not None and about.body_part not in _CHEST,
        ),
        (Warned.BURNED_IN_ANNOTATION, about.burned_in == "YES"),
        (Warned.NO_WINDOW, not has_window),
        (Warned.FOR_PROCESSING, about.is_for_processing),
        (Warned.BITS_ABOVE_STORED, has_bits_above),
    )
    return tuple(code.value for code, holds in found if holds)
