"""Validation as other hospitals might have sent it: ten families of corruption, and swapped looks.

None of the first eight is ever used by `augmentation`; impulse and markers have relatives there.
Clean validation ranks recipes wrongly on this data (docs/model/experiments.md).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from trainer.core.arrays import Floats, Grey
from trainer.core.looks import match_histogram, match_spectrum
from trainer.core.views import (
    REFERENCE_PX,
    Rng,
    View,
    clipped,
    generator_of,
    to_floats,
    to_grey,
    to_image,
)

Corruption = Callable[[Floats, int, Rng], Floats]
"""Changes float32 [S, S] at severity 0, 1 or 2."""
SEVERITIES = 3
_WORDS = ("L", "R", "AP", "PORTABLE", "12:40")


def corrupted_view(name: str) -> View:
    """Give every picture under the named family, its severity and chance from its own hash."""

    def change(grey: Grey, sha256: str) -> Grey:
        return _corrupt(grey, sha256, name, int(sha256[16:24], 16) % SEVERITIES)

    return View(f"corrupted {name}", change)


def graded_view(name: str, severity: int) -> View:
    """Give every picture under the named family at one severity, 1, 2 or 3."""

    def change(grey: Grey, sha256: str) -> Grey:
        return _corrupt(grey, sha256, name, severity - 1)

    return View(f"corrupted {name}, severity {severity}", change)


def _corrupt(grey: Grey, sha256: str, name: str, severity: int) -> Grey:
    return to_grey(FAMILIES[name](grey.astype(np.float32), severity, generator_of(sha256, 1)))


def swapped_view(
    references: Sequence[tuple[str, Grey]], findings: Sequence[tuple[str, Grey]]
) -> View:
    """Give the reference class the look of findings, and the reverse.

    What a model scores here it does not owe to the look of one class's source.
    Pairs are sha256 and picture.
    """
    healthy = {sha256 for sha256, _ in references}

    def change(grey: Grey, sha256: str) -> Grey:
        rng = generator_of(sha256, 2)
        others = findings if sha256 in healthy else references
        _, donor = others[int(rng.integers(len(others)))]
        x = match_histogram(match_spectrum(grey.astype(np.float32), donor, rng), donor, rng)
        side = grey.shape[0]
        width = int(side / 1.2) if sha256 in healthy else int(side * 1.2)
        canvas = Image.new("L", (side, side))
        canvas.paste(to_image(x).resize((width, side)), ((side - width) // 2, 0))
        return np.asarray(canvas)

    return View("swapped looks", change)


def _motion_blur(x: Floats, severity: int, rng: Rng) -> Floats:
    length = (3, 5, 7)[severity]
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    kernel = ndimage.rotate(kernel, rng.uniform(0, 180), reshape=False, order=1)
    return np.asarray(ndimage.convolve(x, kernel / kernel.sum()), np.float32)


def _median(x: Floats, severity: int, _: Rng) -> Floats:
    return np.asarray(ndimage.median_filter(x, (3, 4, 5)[severity]), np.float32)


def _pixelate(x: Floats, severity: int, _: Rng) -> Floats:
    side = (112, 80, 64)[severity] * x.shape[0] // REFERENCE_PX
    small = to_image(x).resize((side, side), Image.Resampling.BOX)
    return to_floats(small.resize(x.shape[::-1], Image.Resampling.NEAREST))


def _impulse(x: Floats, severity: int, rng: Rng) -> Floats:
    share = (0.01, 0.025, 0.05)[severity]
    draw = rng.random(x.shape)
    burnt = np.where(draw > 1 - share / 2, 255, x)
    return np.where(draw < share / 2, 0, burnt).astype(np.float32)


def _bias_field(x: Floats, severity: int, rng: Rng) -> Floats:
    depth = (0.2, 0.35, 0.5)[severity]
    field = ndimage.zoom(rng.uniform(-1, 1, (4, 4)), x.shape[0] / 4, order=3)
    return clipped(x * np.exp(depth * field))


def _vignette(x: Floats, severity: int, rng: Rng) -> Floats:
    axis = np.linspace(-1, 1, x.shape[0], dtype=np.float32)
    down, right = rng.uniform(-0.15, 0.15, 2)
    radius = np.hypot(axis[:, None] - down, axis[None, :] - right)
    edge = (1.15, 1.02, 0.92)[severity]
    return np.asarray(x * np.clip((edge - radius) / 0.15 + 1, 0, 1), np.float32)


def _elastic(x: Floats, severity: int, rng: Rng) -> Floats:
    side = x.shape[0]
    size = (3, 5, 8)[severity] * side / REFERENCE_PX
    down, right = (
        ndimage.zoom(rng.uniform(-size, size, (6, 6)), side / 6, order=3) for _ in range(2)
    )
    rows, columns = np.mgrid[:side, :side]
    places = [rows + down[:side, :side], columns + right[:side, :side]]
    return np.asarray(ndimage.map_coordinates(x, places, order=1, mode="nearest"), np.float32)


def _posterise(x: Floats, severity: int, _: Rng) -> Floats:
    step = np.float32(256 / (24, 14, 9)[severity])
    return np.asarray(np.floor(x / step) * step + step / 2, np.float32)


def _markers(x: Floats, severity: int, rng: Rng) -> Floats:
    side = x.shape[0]
    image = to_image(x)
    draw = ImageDraw.Draw(image)
    for _ in range(2 * (severity + 1)):
        at = (rng.integers(4, 190, 2) * side / REFERENCE_PX).tolist()
        draw.text(tuple(at), rng.choice(_WORDS), 255, font_size=18 * side / REFERENCE_PX)
    for _ in range(severity + 1):
        corners = [tuple(corner) for corner in rng.integers(0, side, (3, 2)).tolist()]
        draw.line(corners, fill=230, width=2)
    return to_floats(image)


def _narrow_window(x: Floats, severity: int, rng: Rng) -> Floats:
    gain = (5, 8, 11)[severity]
    powers = np.exp(-gain * (x / 255 - np.float32(rng.uniform(0.35, 0.65))))
    return np.asarray(255 / (1 + powers), np.float32)


FAMILIES: Mapping[str, Corruption] = {
    "motion blur": _motion_blur,
    "median": _median,
    "pixelate": _pixelate,
    "impulse": _impulse,
    "bias field": _bias_field,
    "vignette": _vignette,
    "elastic": _elastic,
    "posterise": _posterise,
    "markers": _markers,
    "narrow window": _narrow_window,
}
