"""What machines, screens and people do to a radiograph on its way: noise, codecs, letters, plates.

Every operation takes and gives float32 [S, S] in 0..255.
"""

import numpy as np
import simplejpeg
from PIL import ImageDraw
from scipy import ndimage

from trainer.core.arrays import Floats, Grey
from trainer.core.views import REFERENCE_PX, Rng, clipped, to_floats, to_grey, to_image

_LETTERS = "LRAPSDUX0123456789:"


def add_noise(x: Floats, rng: Rng) -> Floats:
    """Add grain, fine or coarse, alone or with the signal."""
    grain = rng.standard_normal(x.shape, np.float32)
    if rng.random() < 0.3:  # noqa: PLR2004
        grain = ndimage.gaussian_filter(grain, 0.7) * np.float32(2.2)
    if rng.random() < 0.4:  # noqa: PLR2004
        return clipped(x * (1 + np.float32(rng.uniform(0.02, 0.15)) * grain))
    return clipped(x + np.float32(rng.uniform(0.02, 0.25)) * x.std() * grain)


def compress(x: Floats, rng: Rng) -> Floats:
    """Pass through JPEG of quality 12 to 84."""
    grey = np.ascontiguousarray(to_grey(x)[:, :, np.newaxis])
    coded = simplejpeg.encode_jpeg(grey, int(rng.integers(12, 85)), "GRAY")
    decoded: Grey = simplejpeg.decode_jpeg(coded, "GRAY")
    return decoded[:, :, 0].astype(np.float32)


def frame(x: Floats, rng: Rng) -> Floats:
    """Blacken the edges, each by up to a tenth."""
    side = x.shape[0]
    top, bottom, left, right = rng.integers(0, max(2, 22 * side // REFERENCE_PX), 4)
    framed = x.copy()
    framed[:top] = framed[side - bottom :] = 0
    framed[:, :left] = framed[:, side - right :] = 0
    return framed


def overlay(x: Floats, rng: Rng) -> Floats:
    """Draw side markers, leads and tubes, partly transparent."""
    side = x.shape[0]
    scale = side / REFERENCE_PX
    image = to_image(x)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 4))):
        letters = "".join(rng.choice(list(_LETTERS), int(rng.integers(1, 7))))
        at = (rng.integers(0, 205, 2) * scale).tolist()
        shade = int(rng.integers(150, 256))
        draw.text(tuple(at), letters, shade, font_size=max(4, int(rng.integers(8, 26) * scale)))
    for _ in range(int(rng.integers(0, 3))):
        shade, width = int(rng.integers(130, 256)), int(rng.integers(1, 4))
        draw.line(_wandering(rng, side), fill=shade, width=width)
    share = np.float32(rng.uniform(0.5, 1))
    return (1 - share) * x + share * to_floats(image)


def _wandering(rng: Rng, side: int) -> list[tuple[float, float]]:
    at, turn = rng.uniform(0, side, 2), rng.uniform(0, 6.3)
    points = []
    for _ in range(int(rng.integers(2, 12))):
        turn += rng.uniform(-0.7, 0.7)
        points.append((float(at[0]), float(at[1])))
        at = at + side / 16 * np.array([np.cos(turn), np.sin(turn)])
    return points


def add_dots(x: Floats, rng: Rng) -> Floats:
    """Kill some pixels and burn others."""
    draw, share = rng.random(x.shape, np.float32), rng.uniform(0.001, 0.015)
    burnt = np.where(draw > 1 - share, 255, x)
    return np.where(draw < share, 0, burnt).astype(np.float32)


def cover(x: Floats, rng: Rng) -> Floats:
    """Put a plate of one grey somewhere."""
    scale = x.shape[0] / REFERENCE_PX
    top, left = (rng.integers(0, 180, 2) * scale).astype(int)
    height, width = (rng.integers(8, 60, 2) * scale).astype(int)
    covered = x.copy()
    covered[top : top + height, left : left + width] = rng.uniform(0, 255)
    return covered
