"""The label and pseudonyms of an upload."""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gateway.core.faults import Fault
from shared.contracts.dataset import Label, Word
from shared.contracts.errors import ErrorCode

_LABEL: TypeAdapter[str] = TypeAdapter(Label)
_WORD: TypeAdapter[str] = TypeAdapter(Word)
_LIKE = 0.8
"""Minimum similarity, 0 to 1, for suggesting a known label: one or two typos."""
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off", "")


@dataclass(frozen=True, slots=True)
class UploadFields:
    """The fields for all images of a request. label: None if the folders of a ZIP are the labels.

    allow_new_class: an unknown label adds a class.
    """

    label: str | None = None
    patient: str | None = None
    source: str = "upload"
    allow_new_class: bool = False


def parse_upload_fields(
    *, label: str | None, patient_id: str | None, source: str | None, new_class: str | None
) -> UploadFields | Fault:
    """Parse the fields of a form; an empty field counts as absent."""
    for name, word in (("patient_id", patient_id), ("source", source)):
        if word and not _fits(_WORD, word):
            detail = f"{name} must have 1 to 64 letters, digits, dots, hyphens or underscores."
            return Fault(ErrorCode.MALFORMED_REQUEST, detail)
    flag = (new_class or "").lower()
    if flag not in _TRUE + _FALSE:
        return Fault(ErrorCode.MALFORMED_REQUEST, "new_class must be true or false.")
    return UploadFields(label or None, patient_id or None, source or "upload", flag in _TRUE)


def find_label_fault(
    label: str, classes: Collection[str], *, allow_new_class: bool
) -> Fault | None:
    """Return why a label is not accepted.

    classes: the known ones. allow_new_class: the label may be none of them, but a new class must
    differ from each by more than upper and lower case.
    """
    if not _fits(_LABEL, label):
        return Fault(
            ErrorCode.INVALID_LABEL,
            "A label has 1 to 64 letters, digits, hyphens or underscores, and begins with a letter "
            "or a digit.",
        )
    if label in classes:
        return None
    twin = next((known for known in classes if known.lower() == label.lower()), None)
    if twin is not None:
        return Fault(
            ErrorCode.UNKNOWN_LABEL,
            f"{label!r} differs from the class {twin!r} only in upper and lower case. Send "
            f"{twin!r}.",
        )
    if allow_new_class:
        return None
    known = ", ".join(classes) or "none, there is no current model"
    meant = _find_meant(label, classes)
    question = "" if meant is None else f" Did you mean {meant!r}?"
    return Fault(
        ErrorCode.UNKNOWN_LABEL,
        f"Unknown label {label!r}. Known labels: {known}.{question} "
        "Pass new_class=true to add a class.",
    )


def _find_meant(label: str, classes: Collection[str]) -> str | None:
    folded = {each.casefold(): each for each in classes}
    close = get_close_matches(label.casefold(), folded, n=1, cutoff=_LIKE)
    return folded[close[0]] if close else None


def _fits(adapter: TypeAdapter[Any], word: str) -> bool:
    try:
        adapter.validate_python(word)
    except ValidationError:
        return False
    return True
