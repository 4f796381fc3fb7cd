"""A sentence for every warning code that an answer can carry."""

from collections.abc import Mapping

_TEXTS: Mapping[str, str] = {
    "close_call": "Close to the decision threshold: a small change would give another label.",
    "not_a_chest_radiograph": "The image does not look like a chest radiograph.",
    "far_from_training_images": "The image is far from everything the model was trained on.",
    "explanation_unavailable": "The current model cannot compute a class map.",
    "no_engine": "The worker runs without a model; the numbers are meaningless.",
    "view_not_frontal": "The DICOM file names a view other than PA or AP; "
    "the model was trained on frontal views only.",
    "view_unknown": "The DICOM file does not name its view; "
    "the model was trained on frontal views only.",
    "modality_not_radiography": "The DICOM file's modality is not CR or DX.",
    "body_part_not_chest": "The DICOM file names a body part other than the chest.",
    "burned_in_annotation": "The DICOM file says that text is burned into the image.",
    "no_window": "The DICOM file has no usable display window; "
    "grey levels were spread over the whole range of the image.",
    "bits_above_stored": "The DICOM file stores values above its BitsStored: they are cut off.",
    "for_processing": "The DICOM file is marked FOR PROCESSING: raw detector values, "
    "which do not look like a radiograph for display.",
}
_MINOR = frozenset(("close_call", "explanation_unavailable", "view_unknown", "no_window"))


def describe_warning(code: str) -> str:
    """Return one sentence for a warning code; an unknown code is returned as it is."""
    return _TEXTS.get(code, code)


def is_minor_warning(code: str) -> bool:
    """Return whether the answer can be used in spite of this warning."""
    return code in _MINOR
