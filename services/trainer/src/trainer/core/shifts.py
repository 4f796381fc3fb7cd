"""Validation as another hospital might have sent it: fixed, mild changes of look.

Clean validation ranks recipes wrongly on this data, shifted validation ranks them as the
official test does (docs/model/experiments.md). Each shift is deterministic.
"""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageFilter

from trainer.core.arrays import Grey
from trainer.core.views import View, to_floats, to_grey, to_image

Shift = Callable[[Grey], Grey]


def _blur(grey: Grey) -> Grey:
    return np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(0.8)))


def _gamma(grey: Grey) -> Grey:
    bright = (grey.astype(np.float32) / 255) ** np.float32(1.5)
    return to_grey(np.asarray(255 * bright, np.float32))


def _contrast(grey: Grey) -> Grey:
    x = grey.astype(np.float32)
    return to_grey((x - x.mean()) * np.float32(0.7) + x.mean())


def _unsharp(grey: Grey) -> Grey:
    return np.asarray(Image.fromarray(grey).filter(ImageFilter.UnsharpMask(2, 100, 0)))


def _crop(grey: Grey) -> Grey:
    side = grey.shape[0]
    edge = round(side * 0.075)
    image = Image.fromarray(grey).crop((edge, edge, side - edge, side - edge))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


def _turn(grey: Grey) -> Grey:
    side = grey.shape[0]
    small = round(side * 0.9)
    image = to_image(grey.astype(np.float32)).rotate(8, Image.Resampling.BILINEAR)
    framed = Image.new("L", (side, side))
    corner = (side - small) // 2
    framed.paste(image.resize((small, small), Image.Resampling.BILINEAR), (corner, corner))
    return to_grey(to_floats(framed))


def shifted_view(name: str) -> View:
    """Give every picture under the named shift."""
    return View(f"shift {name}", lambda grey, _: SHIFTS[name](grey))


SHIFTS: Mapping[str, Shift] = {
    "blur": _blur,
    "gamma": _gamma,
    "contrast": _contrast,
    "unsharp": _unsharp,
    "crop": _crop,
    "turn": _turn,
}
