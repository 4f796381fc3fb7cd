"""The images that users send: read once, before anything starts."""

import io
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance

SAMPLES = Path(__file__).parents[1] / "samples"
_MAX_IMAGES = 200
_SUFFIXES = (".jpeg", ".jpg", ".png")


class MissingImagesError(Exception):
    """There is nothing to send; the message names the folder."""


@dataclass(frozen=True, slots=True)
class SampleImage:
    """label: the name of its folder, else its own name up to the first hyphen."""

    body: bytes
    label: str

    @property
    def content_type(self) -> str:
        """The media type of the bytes."""
        return "image/png" if self.body.startswith(b"\x89PNG") else "image/jpeg"


def image_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that IMAGES names, else the samples of this repository."""
    return Path(environment.get("IMAGES") or SAMPLES)


def read_images(folder: Path, maximum: int = _MAX_IMAGES) -> Sequence[SampleImage]:
    """Read JPEG and PNG files, evenly from all folders below. Raises MissingImagesError."""
    if not folder.is_dir():
        raise MissingImagesError(f"{folder} is no folder; name one that holds JPEG files: IMAGES=…")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise MissingImagesError(f"{folder} holds no JPEG or PNG file; name another: IMAGES=…")
    step = max(1, len(paths) // maximum)
    return [
        SampleImage(path.read_bytes(), _label(path, folder)) for path in paths[::step][:maximum]
    ]


def vary_image(image: SampleImage, rng: random.Random) -> bytes:
    """Return the image slightly rotated, moved and lit: a new JPEG of the same class."""
    with Image.open(io.BytesIO(image.body)) as opened:
        grey = opened.convert("L").resize((256, 256))
    turned = grey.rotate(rng.uniform(-6, 6), translate=(rng.randint(-8, 8), rng.randint(-8, 8)))
    body = io.BytesIO()
    ImageEnhance.Brightness(turned).enhance(rng.uniform(0.85, 1.15)).save(body, "JPEG", quality=90)
    return body.getvalue()


def _label(path: Path, folder: Path) -> str:
    return path.name.split("-")[0] if path.parent == folder else path.parent.name
