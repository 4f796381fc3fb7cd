"""Ways to look at a picture, and the roundings that every change of pixels ends with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from trainer.core.arrays import Floats, Grey

Rng = np.random.Generator
Change = Callable[[Grey, str], Grey]
"""Changes uint8 [S, S] of the picture whose sha256 is given; the same pair, the same answer."""

REFERENCE_PX = 224
"""The side for which every length in pixels is given; other sides scale it."""


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at every picture. The name says all that the change depends on."""

    name: str
    change: Change


CLEAN = View("clean", lambda grey, _: grey)


def one_of(views: Sequence[View]) -> View:
    """Show every picture under one of the views, by its own hash."""
    return View(
        "one of many",
        lambda grey, sha256: views[int(sha256[24:32], 16) % len(views)].change(grey, sha256),
    )


def generator_of(sha256: str, *seeds: int) -> Rng:
    """Give the generator of one picture under one purpose."""
    return np.random.default_rng([*seeds, int(sha256[:16], 16)])


def to_grey(x: Floats) -> Grey:
    """Round to uint8, clipped to 0..255."""
    grey: Grey = np.clip(x + 0.5, 0, 255).astype(np.uint8)
    return grey


def to_image(x: Floats) -> Image.Image:
    """Give the picture that Pillow works on."""
    return Image.fromarray(to_grey(x))


def to_floats(image: Image.Image) -> Floats:
    """Take a picture back from Pillow."""
    return np.asarray(image, np.float32)


def clipped(x: Floats) -> Floats:
    """Clip to 0..255."""
    return np.asarray(np.clip(x, 0, 255), np.float32)
