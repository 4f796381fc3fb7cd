"""Which folder is the label of an image: the gateway's rule for ZIPs, applied to folders on disk.

The client imports nothing of the services, so this repeats `gateway.core.zip_layout`;
`client/tests/test_folder_labels.py` compares the two, sentences included.
"""

from collections.abc import Collection, Iterable

Folders = tuple[str, ...]
"""The folders that an image lies in, the outermost first."""

_SPLITS = frozenset(("train", "training", "test", "testing", "val", "valid", "validation"))
"""Names of the parts of a dataset, in lower case; a folder of this name is no new class."""

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
    """Return the nearest folder that is a known class, else the folder that the image lies in."""
    return next((name for name in reversed(folders) if name in classes), folders[-1])


def find_folder_problem(
    folders: Folders, outer: Collection[Folders], classes: Collection[str]
) -> str | None:
    """Return why none of these folders is a class, and what to do; None where one may be.

    outer: folders that contain others with images. classes: those that are known.
    """
    label = choose_label(folders, classes)
    if label in classes:
        return None
    known = {name.lower() for name in classes}
    above = next((name for name in folders[:-1] if name.lower() in known), None)
    if above is not None:
        return _problem(f"{label!r} lies inside the class folder {above!r}", f"{above}/")
    if folders in outer:
        return _problem(f"{label!r} contains other folders with images, so it is no class")
    if label.lower() in _SPLITS:
        return _problem(f"{label!r} is the name of a part of a dataset, not of a class")
    return None


def _problem(why: str, into: str = "a folder named after their class") -> str:
    return f"{_RULE}; {why}. Put the images directly into {into}."
