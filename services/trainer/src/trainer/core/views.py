"""Augmented views of a training image: geometry, sharpness, intensity, degradation.

Operations take and give float32 [S, S] in 0..255 and draw from the generator they are given:
the same generator gives the same picture.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import Image, ImageFilter, ImageOps
from scipy import ndimage

from trainer.core.arrays import Floats, Grey

Rng = np.random.Generator
Change = Callable[[Grey, str], Grey]
"""Changes uint8 [S, S] of the picture whose sha256 is given; the same pair, the same answer."""
Operation = Callable[[Floats, Rng], Floats]
_TAU_DEGREES = 10.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How likely each part is, 0..1; ranges in degrees, factors and shares of the side."""

    zoom: tuple[float, float] = (0.88, 1.3)
    shift: float = 16 / 224
    sharpness: float = 0.75
    intensity: float = 0.75
    noise: float = 0.35
    jpeg: float = 0.4
    border: float = 0.25


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at every picture. The name says all that the change depends on."""

    name: str
    change: Change


CLEAN = View("clean", lambda grey, _: grey)


def augmented_view(number: int, policy: Policy, seed: int) -> View:
    """Give the numbered augmented view; what a picture becomes hangs on its own hash alone."""

    def change(grey: Grey, sha256: str) -> Grey:
        return augment(grey, policy, np.random.default_rng([seed, number, int(sha256[:16], 16)]))

    return View(f"augmented-{number} seed {seed} {policy}", change)


def augment(grey: Grey, policy: Policy, rng: Rng) -> Grey:
    """Give one augmented view of uint8 [S, S], same size."""
    x = _geometry(grey, policy, rng)
    for chance, operations in (
        (policy.sharpness, SHARPNESS),
        (policy.intensity, INTENSITY),
        (policy.noise, (_noise,)),
        (policy.jpeg, (_jpeg,)),
        (policy.border, (_border,)),
    ):
        if rng.random() < chance:
            x = operations[int(rng.integers(len(operations)))](x, rng)
    return to_grey(x)


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


def _clipped(x: Floats) -> Floats:
    return np.asarray(np.clip(x, 0, 255), np.float32)


def _geometry(grey: Grey, policy: Policy, rng: Rng) -> Floats:
    side = grey.shape[0]
    turn = np.deg2rad(rng.uniform(-_TAU_DEGREES, _TAU_DEGREES))
    zoom = np.exp(rng.uniform(*np.log(policy.zoom)))
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shear = np.array([[1.0, rng.uniform(-0.1, 0.1)], [0.0, 1.0]])
    flip = np.diag([zoom * rng.choice([-1.0, 1.0]), zoom])
    inverse = np.linalg.inv(rotate @ shear @ flip)
    centre = np.full(2, side / 2)
    offset = centre - inverse @ (centre + rng.uniform(-policy.shift, policy.shift, 2) * side)
    matrix = (*inverse[0], offset[0], *inverse[1], offset[1])
    bilinear = Image.Resampling.BILINEAR
    moved = Image.fromarray(grey).transform(
        (side, side), Image.Transform.AFFINE, matrix, bilinear, fillcolor=0
    )
    return to_floats(moved)


def _blur(x: Floats, rng: Rng) -> Floats:
    return to_floats(to_image(x).filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.3))))


def _rescale(x: Floats, rng: Rng) -> Floats:
    small = int(x.shape[0] / rng.uniform(1.2, 2.6))
    down = to_image(x).resize((small, small), Image.Resampling.BILINEAR)
    return to_floats(down.resize(x.shape[::-1], Image.Resampling.BICUBIC))


def _unsharp(x: Floats, rng: Rng) -> Floats:
    mask = ImageFilter.UnsharpMask(rng.uniform(0.7, 2.5), int(rng.uniform(40, 220)), 0)
    return to_floats(to_image(x).filter(mask))


def _gamma(x: Floats, rng: Rng) -> Floats:
    exponent = np.float32(np.exp(rng.uniform(-0.5, 0.5)))
    return np.asarray(255 * (np.clip(x, 0, 255) / 255) ** exponent, np.float32)


def _contrast(x: Floats, rng: Rng) -> Floats:
    gain, lift = np.float32(rng.uniform(0.6, 1.4)), np.float32(rng.uniform(-35, 35))
    return _clipped((x - x.mean()) * gain + x.mean() + lift)


def _equalise(x: Floats, rng: Rng) -> Floats:
    share = np.float32(rng.uniform(0.2, 1.0))
    return (1 - share) * x + share * to_floats(ImageOps.equalize(to_image(x)))


def _local_contrast(x: Floats, rng: Rng) -> Floats:
    mean = ndimage.uniform_filter(x, int(rng.integers(24, 80)))
    return _clipped(x - np.float32(rng.uniform(0.2, 0.7)) * (mean - x.mean()))


def _noise(x: Floats, rng: Rng) -> Floats:
    grain = rng.standard_normal(x.shape, np.float32)
    return _clipped(x + np.float32(rng.uniform(0.02, 0.15)) * x.std() * grain)


def _jpeg(x: Floats, rng: Rng) -> Floats:
    grey = np.ascontiguousarray(to_grey(x)[:, :, np.newaxis])
    coded = simplejpeg.encode_jpeg(grey, int(rng.integers(20, 81)), "GRAY")
    decoded: Grey = simplejpeg.decode_jpeg(coded, "GRAY")
    return decoded[:, :, 0].astype(np.float32)


def _border(x: Floats, rng: Rng) -> Floats:
    side = x.shape[0]
    top, bottom, left, right = rng.integers(0, 1 + side * 20 // 224, 4)
    framed = x.copy()
    framed[:top] = framed[side - bottom :] = 0
    framed[:, :left] = framed[:, side - right :] = 0
    return framed


SHARPNESS: tuple[Operation, ...] = (_blur, _rescale, _unsharp)
INTENSITY: tuple[Operation, ...] = (_gamma, _contrast, _equalise, _local_contrast)
