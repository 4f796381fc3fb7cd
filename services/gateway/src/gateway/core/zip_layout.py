"""Which folder of an archive is a class, given all the others.

`pneumo.bulk.folder_labels` repeats the rule for folders on a client's disk; change both.
"""

from collections.abc import Collection, Iterable

from gateway.core.faults import Fault
from shared.contracts.errors import ErrorCode

Folders = tuple[str, ...]

SPLITS = frozenset(("train", "training", "test", "testing", "val", "valid", "validation"))
"""Names of dataset splits, in lower case; a folder of this name is not a new class."""

_RULE = (
    "The label of an image is the nearest folder that is a class, or else the folder that it lies "
    "in"
)


def find_outer_folders(all_folders: Iterable[Folders]) -> frozenset[Folders]:
    """Return every folder that contains another folder with images."""
    return frozenset(
        folders[:depth] for folders in set(all_folders) for depth in range(1, len(folders))
    )


def choose_label(folders: Folders, classes: Collection[str]) -> str:
    """Return the nearest folder that is a known class, so that it may have folders for patients.

    Without one, the folder that the image lies in.
    """
    return next((name for name in reversed(folders) if name in classes), folders[-1])


def find_folder_fault(
    folders: Folders, outer: Collection[Folders], classes: Collection[str]
) -> Fault | None:
    """Return why none of these folders is a class, with or without new classes.

    outer: folders that contain others with images. classes: those that are known.
    """
    label = choose_label(folders, classes)
    if label in classes:
        return None
    known = {name.lower() for name in classes}
    above = next((name for name in folders[:-1] if name.lower() in known), None)
    if above is not None:
        return _fault(f"{label!r} lies inside the class folder {above!r}", f"{above}/")
    if folders in outer:
        return _fault(f"{label!r} contains other folders with images, so it is no class")
    if label.lower() in SPLITS:
        return _fault(f"{label!r} is the name of a part of a dataset, not of a class")
    return None


def explain_folder_label(fault: Fault) -> Fault:
    """Add the rule for folder labels to the refusal of a label."""
    return Fault(fault.code, f"{fault.detail} {_RULE}.")


def _fault(why: str, into: str = "a folder named after their class") -> Fault:
    detail = f"{_RULE}; {why}. Put the images directly into {into}."
    return Fault(ErrorCode.INVALID_LABEL, detail)
