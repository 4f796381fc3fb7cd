"""The calls about many stored images at once."""

from dataclasses import dataclass

from pneumo.answers import DeletedImages, ImagePage
from pneumo.calls import Call, read_as

_PATH = "/v1/dataset/images"


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which stored images: every condition that is given must hold."""

    label: str | None = None
    source: str | None = None
    upload_id: str | None = None
    only_conflicts: bool = False


EVERY_IMAGE = ImageFilter()


def list_images(wanted: ImageFilter, limit: int, cursor: str | None) -> Call[ImagePage]:
    """Ask for one page of stored images."""
    conflict = "true" if wanted.only_conflicts else None
    params = _given(label=wanted.label, source=wanted.source, upload=wanted.upload_id)
    params |= _given(conflict=conflict, limit=str(limit), cursor=cursor)
    return Call("GET", _PATH, read_as(ImagePage), params=params)


def delete_images(wanted: ImageFilter) -> Call[DeletedImages]:
    """Delete some of the images of an upload or a source. Raises ValueError for other filters."""
    if wanted.label is not None or wanted.only_conflicts:
        raise ValueError("Images are deleted by upload_id and source only.")
    if wanted.upload_id is None and wanted.source is None:
        raise ValueError("Pass upload_id, source, or both.")
    params = _given(upload=wanted.upload_id, source=wanted.source)
    return Call("DELETE", _PATH, read_as(DeletedImages), params=params)


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
