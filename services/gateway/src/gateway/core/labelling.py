"""Which labels and pseudonyms an upload may carry."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gateway.core.faults import Fault
from shared.contracts.dataset import Label, Word
from shared.contracts.errors import ErrorCode

_LABEL: TypeAdapter[str] = TypeAdapter(Label)
_WORD: TypeAdapter[str] = TypeAdapter(Word)
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off", "")


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a request says of all its images. label: None where an archive's folders say it.

    may_be_new: a label that is no class of the current model is meant to become one.
    """

    label: str | None = None
    patient: str | None = None
    source: str = "upload"
    may_be_new: bool = False


def read_labelling(
    *, label: str | None, patient_id: str | None, source: str | None, new_class: str | None
) -> Labelling | Fault:
    """Read the fields of a form; an empty field counts as none."""
    for name, word in (("patient_id", patient_id), ("source", source)):
        if word and not _fits(_WORD, word):
            detail = f"{name}: 1 to 64 letters, digits, dots, hyphens or underscores."
            return Fault(ErrorCode.MALFORMED_REQUEST, detail)
    flag = (new_class or "").lower()
    if flag not in _TRUE + _FALSE:
        return Fault(ErrorCode.MALFORMED_REQUEST, "new_class: say true or false.")
    return Labelling(label or None, patient_id or None, source or "upload", flag in _TRUE)


def find_label_fault(label: str, classes: Collection[str], *, may_be_new: bool) -> Fault | None:
    """Return why a label cannot be taken.

    classes: those that are known. may_be_new: the label may be none of them, but a new class must
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
    if may_be_new:
        return None
    known = ", ".join(classes) or "none: there is no current model"
    return Fault(
        ErrorCode.UNKNOWN_LABEL,
        f"{label!r} is no class of the current model ({known}); new_class=true makes it one.",
    )


def _fits(adapter: TypeAdapter[Any], word: str) -> bool:
    try:
        adapter.validate_python(word)
    except ValidationError:
        return False
    return True
