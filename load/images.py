"""The radiographs that users send: read once, before anything starts."""

import io
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance

SAMPLES = Path(__file__).parents[1] / "samples"
_MOST = 200
_SUFFIXES = (".jpeg", ".jpg", ".png")


class MissingImagesError(Exception):
    """There is nothing to send; the message says where there should be."""


@dataclass(frozen=True, slots=True)
class Picture:
    """label: the class told by its folder, else by its name up to the first hyphen."""

    body: bytes
    label: str

    @property
    def content_type(self) -> str:
        """Give what the bytes are."""
        return "image/png" if self.body.startswith(b"\x89PNG") else "image/jpeg"


def folder_of(environment: Mapping[str, str] = os.environ) -> Path:
    """Give the folder that IMAGES names, else the samples of this repository."""
    return Path(environment.get("IMAGES") or SAMPLES)


def read_pictures(folder: Path, most: int = _MOST) -> Sequence[Picture]:
    """Read at most `most` pictures, taken evenly from all folders below.

    Raises MissingImagesError.
    """
    if not folder.is_dir():
        raise MissingImagesError(f"{folder} is no folder; name one that holds JPEG files: IMAGES=…")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise MissingImagesError(f"{folder} holds no JPEG or PNG file; name another: IMAGES=…")
    step = max(1, len(paths) // most)
    return [Picture(path.read_bytes(), _label(path, folder)) for path in paths[::step][:most]]


def fresh(picture: Picture, rng: random.Random) -> bytes:
    """Give the picture a little turned and lit: a JPEG of the same class that nobody has seen."""
    with Image.open(io.BytesIO(picture.body)) as opened:
        grey = opened.convert("L").resize((256, 256))
    turned = grey.rotate(rng.uniform(-6, 6), translate=(rng.randint(-8, 8), rng.randint(-8, 8)))
    body = io.BytesIO()
    ImageEnhance.Brightness(turned).enhance(rng.uniform(0.85, 1.15)).save(body, "JPEG", quality=90)
    return body.getvalue()


def _label(path: Path, folder: Path) -> str:
    return path.name.split("-")[0] if path.parent == folder else path.parent.name
