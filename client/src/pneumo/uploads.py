"""What is said of labelled images beside the images."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pneumo import calls
from pneumo.answers import UploadReport
from pneumo.bodies import Image, ImageSource, Progress, file_body, image_of
from pneumo.calls import Call

UPLOAD_TIMEOUT_S = 600.0
"""As long as a gateway lets a body arrive."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """patient_id, source: pseudonyms. new_class: the label may be one that no model knows yet."""

    patient_id: str | None
    source: str | None
    new_class: bool = False

    def fields(self, label: str | None = None) -> list[tuple[str, str]]:
        """Give it as the fields of a form, or of a query."""
        new_class = "true" if self.new_class else None
        named = {"label": label, "patient_id": self.patient_id, "source": self.source}
        return [
            (name, value)
            for name, value in {**named, "new_class": new_class}.items()
            if value is not None
        ]


def images_of(sources: Iterable[ImageSource]) -> list[Image]:
    """Take images as a caller has them. Raises ValueError if there are none."""
    images = [image_of(source) for source in sources]
    if not images:
        raise ValueError("There is no image to upload.")
    return images


def zip_call(archive: Path, labelling: Labelling, progress: Progress | None) -> Call[UploadReport]:
    """Give the call that uploads a ZIP."""
    body = file_body(archive, progress)
    return calls.upload("application/zip", body, dict(labelling.fields()))
