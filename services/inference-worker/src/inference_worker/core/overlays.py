"""A class map as a picture to be laid over the radiograph."""

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONG_SIDE_PX = 112
"""Eight pixels a cell: a viewer that enlarges it runs them into each other further."""

LEVELS = 32
"""Steps of heat. A PNG of 256 takes twice the bytes and half as much time again."""

_MOST_OPAQUE = 0.8
_RAMP = ((87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
"""Matplotlib's inferno from a quarter on (CC0): its lightness only rises, so that it is read
without telling red from green, and it begins where it can be told from a radiograph's greys."""

Map = NDArray[np.float64]


def heat_of(grid: Map) -> Map:
    """Give what stands out: [G, G] → 0 at the map's mean and below, 1 at its highest.

    Relative to this one map, so a constant or a factor on all cells changes nothing.
    """
    above = grid - grid.mean()
    highest = above.max()
    return np.clip(above / highest, 0.0, 1.0) if highest > 0 else np.zeros_like(above)


def draw_overlay(heat: Map, size_px: tuple[int, int]) -> bytes:
    """Draw heat [G, G] as a PNG with alpha, over the whole of an image of this width and height.

    The image's aspect, LONG_SIDE_PX on its longer side. Cells run smoothly into each other
    (bilinear, centres where the cells' are); no heat is clear, the most is `_MOST_OPAQUE`.
    """
    longest = max(size_px)
    width, height = (max(1, round(LONG_SIDE_PX * side / longest)) for side in size_px)
    levels = Image.fromarray((heat * 255).astype(np.uint8))
    smooth = np.asarray(levels.resize((width, height), Image.Resampling.BILINEAR))
    picture = Image.frombytes("P", (width, height), (smooth // (256 // LEVELS)).tobytes())
    colours, opacity = _palette()
    picture.putpalette(colours)
    drawn = io.BytesIO()
    picture.save(drawn, "PNG", transparency=opacity, compress_level=1)
    return drawn.getvalue()


@cache
def _palette() -> tuple[bytes, bytes]:
    """Give the colours, three bytes a level, and the opacities, one a level."""
    at = np.linspace(0.0, 1.0, LEVELS)
    anchors = np.linspace(0.0, 1.0, len(_RAMP))
    channels = [np.interp(at, anchors, channel) for channel in zip(*_RAMP, strict=True)]
    colours = np.stack(channels, axis=1).round().astype(np.uint8)
    opacity = (at * _MOST_OPAQUE * 255).round().astype(np.uint8)
    return colours.tobytes(), opacity.tobytes()
