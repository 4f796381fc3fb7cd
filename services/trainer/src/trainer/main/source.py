"""Opens a folder of labelled pictures, with further classes beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainer.adapters.image_folder import ImageFolder
from trainer.core.patients import read_patients
from trainer.service.scan import Scan, scan


@dataclass(frozen=True, slots=True)
class Beside:
    """What comes beside a folder: classes in folders of their own, and a table of patients."""

    classes: Mapping[str, Path] = field(default_factory=dict)
    patients: Path | None = None


NOTHING = Beside()


def open_folder(folder: Path, beside: Beside = NOTHING) -> tuple[ImageFolder, Scan]:
    """Read every picture once. Raises UnlabelledError, OSError."""
    images = ImageFolder(folder, beside.classes)
    table = read_patients(beside.patients.read_text()) if beside.patients else {}
    return images, scan(images, tuple(beside.classes), table)
