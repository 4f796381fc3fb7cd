"""A decoded image becomes grey in bands: conversion adds a few MB to the memory of its pixels."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from shared.deep_colour import DeepColour, is_narrow, keep_lower_bytes
from shared.deep_grey import Bands, Values, new_deep_scale
from shared.image_headers import ImageHeader

_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")
"""Pillow's modes of one deep sample per pixel."""
_BAND_PIXELS = 1 << 20
_TIFF_SAMPLE_FORMAT, _UNSIGNED = 339, 1

Reopen = Callable[[], ImageFile]
"""Gives the same image once more, not loaded yet."""


def convert_to_grey(
    image: ImageFile, header: ImageHeader, reopen: Reopen, *, has_deep_colour: bool
) -> Image.Image:
    """Return a loaded image in mode L. What was decoded is released.

    has_deep_colour: whether it has 16 bits per colour, of which Pillow keeps the upper 8.
    """
    grey = Image.new("L", image.size)
    for top, band in _grey_bands(image, header, reopen, has_deep_colour=has_deep_colour):
        grey.paste(band, (0, top))
    image.close()
    return grey


def _grey_bands(
    image: ImageFile, header: ImageHeader, reopen: Reopen, *, has_deep_colour: bool
) -> Iterator[tuple[int, Image.Image]]:
    if has_deep_colour and is_narrow(_bands(image)):
        values = _read_deep_colour(image, header, reopen)
        yield from _spread_bands(lambda: _parts(values), header)
    elif header.has_split_grey:
        has_alpha = _is_seen_anywhere(image)
        yield from _spread_bands(lambda: _joined(image, has_alpha=has_alpha), header)
    elif image.mode in _DEEP_MODES:
        yield from _spread_bands(lambda: _deep_values(image), header)
    else:
        yield from _plain_bands(image, header)


def _spread_bands(bands: Bands, header: ImageHeader) -> Iterator[tuple[int, Image.Image]]:
    scale = new_deep_scale(bands, is_inverse=header.is_negative)
    top = 0
    for values in bands():
        yield top, scale.to_grey(values)
        top += len(values)


def _deep_values(image: Image.Image) -> Iterator[Values]:
    # Pillow has one mode for 32 bits with and without a sign.
    is_unsigned = (
        image.mode == "I"
        and isinstance(image, TiffImageFile)
        and image.tag_v2.get(_TIFF_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED
    )
    for _, band in _bands(image):
        values = np.asarray(band)
        yield values.view(np.uint32) if is_unsigned else values


def _joined(image: Image.Image, *, has_alpha: bool) -> Iterator[Values]:
    """Yield 16 bits of grey that were read as red and green, on black; blue is their alpha."""
    for _, band in _bands(image):
        upper, lower, alpha, _ = (np.asarray(part, dtype=np.uint32) for part in band.split())
        values = upper << 8 | lower
        yield (values * alpha // 255 if has_alpha else values).astype(np.uint16)


def _read_deep_colour(image: ImageFile, header: ImageHeader, reopen: Reopen) -> NDArray[np.uint16]:
    colour = DeepColour(image.size)
    colour.take_upper(_bands(image))
    has_alpha = _has_alpha(image) and not header.is_on_black
    alpha = image.getchannel("A") if has_alpha else None
    image.close()
    with reopen() as again:
        keep_lower_bytes(again)
        again.load()
        colour.add_lower(_bands(again))
    if alpha is not None and alpha.getextrema() != (0, 0):
        colour.show_on_black(alpha)
    return colour.values


def _parts(values: NDArray[np.uint16]) -> Iterator[Values]:
    rows = max(1, _BAND_PIXELS // values.shape[1])
    for top in range(0, len(values), rows):
        yield values[top : top + rows]


def _plain_bands(image: Image.Image, header: ImageHeader) -> Iterator[tuple[int, Image.Image]]:
    has_alpha = _has_alpha(image)
    is_seen = has_alpha and not header.is_on_black and _is_seen_anywhere(image)
    for top, band in _bands(image):
        coloured = band.convert("RGBA") if has_alpha else band
        yield top, (_on_black(coloured) if is_seen else coloured).convert("L")


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        yield top, image.crop((0, top, image.width, bottom))


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _is_seen_anywhere(image: Image.Image) -> bool:
    """Return whether any pixel is not wholly transparent. Writers that have no alpha leave it 0."""
    return any(_alpha(band).getextrema() != (0, 0) for _, band in _bands(image))


def _alpha(image: Image.Image) -> Image.Image:
    return (image if image.mode in ("RGBA", "LA") else image.convert("RGBA")).getchannel("A")


def _on_black(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
