"""Augmented views of a training picture: look, geometry, sharpness, intensity, degradation.

Operations take and give float32 [S, S] in 0..255 and draw from the generator they are given:
the same generator gives the same picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from trainer.core.arrays import Floats, Grey
from trainer.core.degradations import (
    add_dots,
    add_noise,
    compress,
    cover,
    frame,
    overlay,
)
from trainer.core.looks import (
    bend_tones,
    change_contrast,
    change_gamma,
    equalise,
    match_histogram,
    match_spectrum,
    take_local_mean,
    tilt_spectrum,
)
from trainer.core.views import REFERENCE_PX, Rng, View, generator_of, to_floats, to_grey, to_image

Operation = Callable[[Floats, Rng], Floats]
_TURN_DEGREES = 12.0
_SHIFT_PX = 16.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How likely each part is, 0..1. stretch: largest |log| of width against height."""

    stretch: float = 0.3
    zoom: tuple[float, float] = (0.82, 1.35)
    match: float = 0.3
    """The radial spectrum of another picture, of any class."""
    sharpness: float = 0.75
    intensity: float = 0.7
    overlay: float = 0.3
    cover: float = 0.15
    noise: float = 0.35
    dots: float = 0.12
    jpeg: float = 0.3
    border: float = 0.25


def augmented_view(number: int, policy: Policy, seed: int, donors: Sequence[Grey]) -> View:
    """Give the numbered view; a donor, drawn by the picture's own hash, lends its look."""

    def change(grey: Grey, sha256: str) -> Grey:
        rng = generator_of(sha256, seed, number)
        donor = donors[int(rng.integers(len(donors)))]
        return augment(grey, donor, policy, rng)

    return View(f"augmented-{number} seed {seed} {policy}", change)


def augment(grey: Grey, donor: Grey, policy: Policy, rng: Rng) -> Grey:
    """Give one augmented view of uint8 [S, S], same size."""
    x = grey.astype(np.float32)
    if rng.random() < policy.match:
        x = match_spectrum(x, donor, rng)
    x = _move(x, policy, rng)
    if rng.random() < policy.sharpness:
        x = _SHARPNESS[int(rng.integers(len(_SHARPNESS)))](x, rng)
    if rng.random() < policy.intensity:
        x = _tone(x, donor, rng)
    for chance, operation in (
        (policy.overlay, overlay),
        (policy.cover, cover),
        (policy.noise, add_noise),
        (policy.dots, add_dots),
        (policy.jpeg, compress),
        (policy.border, frame),
    ):
        if rng.random() < chance:
            x = operation(x, rng)
    return to_grey(x)


def _move(x: Floats, policy: Policy, rng: Rng) -> Floats:
    """Flip, turn, zoom, stretch, shear and shift in one resampling."""
    side = x.shape[0]
    turn = np.deg2rad(rng.uniform(-_TURN_DEGREES, _TURN_DEGREES))
    shear = np.array([[1.0, rng.uniform(-0.1, 0.1)], [0.0, 1.0]])
    zoom = np.exp(rng.uniform(*np.log(policy.zoom)))
    stretch = np.exp(rng.uniform(-policy.stretch, policy.stretch) / 2)
    scale = np.diag([zoom * stretch * rng.choice([-1, 1]), zoom / stretch])
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    inverse = np.linalg.inv(rotate @ shear @ scale)
    centre = np.full(2, side / 2)
    shift = rng.uniform(-_SHIFT_PX, _SHIFT_PX, 2) * side / REFERENCE_PX
    offset = centre - inverse @ (centre + shift)
    fill = 0 if rng.random() < 0.7 else int(rng.integers(0, 160))  # noqa: PLR2004
    smooth = rng.random() < 0.6  # noqa: PLR2004
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
    matrix = (*inverse[0], offset[0], *inverse[1], offset[1])
    affine = Image.Transform.AFFINE
    return to_floats(to_image(x).transform((side, side), affine, matrix, how, fillcolor=fill))


def _tone(x: Floats, donor: Grey, rng: Rng) -> Floats:
    pick = int(rng.integers(len(_INTENSITY) + 1))
    return match_histogram(x, donor, rng) if pick == len(_INTENSITY) else _INTENSITY[pick](x, rng)


def _blur(x: Floats, rng: Rng) -> Floats:
    radius = rng.uniform(0.3, 1.6) * x.shape[0] / REFERENCE_PX
    return to_floats(to_image(x).filter(ImageFilter.GaussianBlur(radius)))


def _rescale(x: Floats, rng: Rng) -> Floats:
    small = int(x.shape[0] / rng.uniform(1.2, 3.2))
    ways = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    down, up = ways[int(rng.integers(3))], ways[int(rng.integers(2))]
    return to_floats(to_image(x).resize((small, small), down).resize(x.shape[::-1], up))


def _sharpen(x: Floats, rng: Rng) -> Floats:
    mask = ImageFilter.UnsharpMask(rng.uniform(0.7, 2.5), int(rng.uniform(40, 260)), 0)
    return to_floats(to_image(x).filter(mask))


_SHARPNESS: tuple[Operation, ...] = (_blur, _rescale, _sharpen, tilt_spectrum)
_INTENSITY: tuple[Operation, ...] = (
    change_gamma,
    change_contrast,
    equalise,
    bend_tones,
    take_local_mean,
)
