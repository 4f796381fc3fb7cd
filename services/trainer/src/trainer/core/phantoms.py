"""Drawn chests: pictures nobody was ever in, for goldens and tests."""

import numpy as np
from scipy import ndimage

from trainer.core.arrays import Floats, Grey
from trainer.core.views import to_grey

Rng = np.random.Generator


def draw_phantom(rng: Rng, *, opacity: float, patches: int, size_px: int = 224) -> Grey:
    """Draw a frontal chest, uint8 [S, S].

    opacity: how much the lungs whiten, 0..1. patches: how many round consolidations.
    """
    y, x = np.mgrid[-1 : 1 : size_px * 1j, -1 : 1 : size_px * 1j].astype(np.float32)
    x, y = x + np.float32(rng.uniform(-0.08, 0.08)), y + np.float32(rng.uniform(-0.08, 0.08))
    chest = 190 * _ellipse(x, y, 0.0, 0.1, rng.uniform(0.85, 0.97), 1.05)
    lungs = np.maximum(
        _ellipse(x, y, -0.42, -0.02, rng.uniform(0.24, 0.32), rng.uniform(0.55, 0.68)),
        _ellipse(x, y, 0.42, -0.02, rng.uniform(0.22, 0.30), rng.uniform(0.55, 0.68)),
    )
    heart = _ellipse(x, y, 0.12, 0.28, rng.uniform(0.22, 0.30), 0.3)
    ribs = 0.5 + 0.5 * np.sin((y + 0.35 * np.abs(x)) * np.float32(rng.uniform(24, 30)))
    picture = chest - lungs * (120 * np.float32(1 - opacity) - 18 * ribs) + 45 * heart * lungs
    for _ in range(patches):
        side = rng.choice([-0.42, 0.42])
        at = side + rng.uniform(-0.12, 0.12), rng.uniform(-0.4, 0.5)
        blob = _ellipse(x, y, *at, rng.uniform(0.08, 0.2), rng.uniform(0.08, 0.2))
        picture = picture + 70 * ndimage.gaussian_filter(blob, size_px / 40) * lungs
    grain = ndimage.gaussian_filter(rng.standard_normal(x.shape, np.float32), 0.8)
    soft = ndimage.gaussian_filter(picture, size_px / 150) + 7 * grain
    return to_grey(soft)


def _ellipse(x: Floats, y: Floats, cx: float, cy: float, rx: float, ry: float) -> Floats:
    radius = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2
    edge = np.exp(np.clip(12 * (radius - 1), -60, 60))
    return np.asarray(1 / (1 + edge), np.float32)


def golden_images(size_px: int, seed: int) -> Grey:
    """Draw the eight pictures of a bundle's goldens, uint8 [8, S, S]; the last two are odd ones.

    The odd ones are a blank and a half-black picture: where normalising could divide by nothing.
    """
    rng = np.random.default_rng([seed, size_px])
    chests = [
        draw_phantom(rng, opacity=opacity, patches=patches, size_px=size_px)
        for opacity, patches in ((0.0, 0), (0.1, 0), (0.1, 3), (0.2, 5), (0.5, 1), (0.7, 0))
    ]
    blank = np.full((size_px, size_px), 128, np.uint8)
    half = blank.copy()
    half[:, : size_px // 2] = 0
    return np.stack([*chests, blank, half])
