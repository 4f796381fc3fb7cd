"""The picture that was asked about, and the heat map over it: Pillow alone, no server."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

SHOWN_PX = 900
"""Longest side of a picture on a page."""
MAX_PIXELS = 40_000_000
"""More are not decoded; the gateway takes no more either."""
_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I", "F")
_DEEP_COLOUR = ";16"
_WHOLE, _NARROW, _TAIL, _SAMPLE = 65_535, 4, 0.001, 1 << 20
"""The workers' rule for images of more than 8 bits, which a test compares with theirs."""
_GROUND = (24, 28, 34)
"""Behind a heat map that has no picture."""
_UPLOADS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_DICOM_AT, _DICOM = 128, b"DICM"


@dataclass(frozen=True, slots=True)
class Unseen:
    """There is no picture to show, for this reason; the answer is none the worse."""

    reason: str


def is_dicom(body: bytes) -> bool:
    """Tell whether these are the bytes of a DICOM file."""
    return body[_DICOM_AT : _DICOM_AT + len(_DICOM)] == _DICOM


def read_picture(body: bytes) -> Image.Image | Unseen:
    """Give the picture as the model sees it: upright, grey, first frame; SHOWN_PX at most.

    RGB, so that a map can be laid over it. Anything may be in `body`.
    """
    if is_dicom(body):
        return Unseen(
            "This is a DICOM file, and the gateway sent no image of it: the map covers the whole "
            "of its image."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(body), formats=_UPLOADS)
            if image.width * image.height > MAX_PIXELS:
                return Unseen("The picture has too many pixels to be drawn here.")
            return _grey(image)
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, Image.DecompressionBombError):
        return Unseen("The picture cannot be drawn here.")


def lay_over(
    picture: Image.Image | None, overlay_png: bytes, *, opacity: float
) -> Image.Image | Unseen:
    """Give the heat map over the picture, or alone over a dark ground.

    opacity: 0 shows the picture alone, 1 the map as it came. The map is stretched over the whole.
    """
    try:
        map_ = Image.open(io.BytesIO(overlay_png), formats=("PNG",)).convert("RGBA")
    except (OSError, SyntaxError, ValueError):
        return Unseen("The heat map of this answer cannot be read.")
    if picture is None:
        picture = Image.new("RGB", _enlarged(map_.size), _GROUND)
    map_ = map_.resize(picture.size, Image.Resampling.BICUBIC)
    strength = map_.getchannel("A").point(lambda alpha: round(alpha * opacity))
    map_.putalpha(strength)
    return Image.alpha_composite(picture.convert("RGBA"), map_).convert("RGB")


def _enlarged(size_px: tuple[int, int]) -> tuple[int, int]:
    factor = SHOWN_PX / 2 / max(size_px)
    return max(1, round(size_px[0] * factor)), max(1, round(size_px[1] * factor))


def as_jpeg(picture: Image.Image) -> bytes:
    """Give the bytes that a browser is sent."""
    body = io.BytesIO()
    picture.save(body, "JPEG", quality=88)
    return body.getvalue()


def _grey(opened: ImageFile) -> Image.Image:
    if opened.format == "JPEG":
        opened.draft("L", (SHOWN_PX, SHOWN_PX))
    has_deep_colour = any(_DEEP_COLOUR in str(tile.args) for tile in opened.tile)
    image: Image.Image = opened
    if image.mode in _DEEP_MODES:
        # float32 holds 16 bits, in half the memory.
        kind = np.float64 if image.mode == "I" else np.float32
        image = _eight_bits(np.asarray(image, dtype=kind), is_whole=image.mode != "F")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, rgba)
    upright = ImageOps.exif_transpose(image).convert("L")
    upright.thumbnail((SHOWN_PX, SHOWN_PX))
    if has_deep_colour:
        # Pillow keeps the upper byte of each sample: 12 bits in 16 leave 16 levels, all dark.
        upright = _eight_bits(np.asarray(upright, dtype=np.float32) * 257, is_whole=True)
    return upright.convert("RGB")


def _eight_bits(values: NDArray[np.floating], *, is_whole: bool) -> Image.Image:
    """Return the levels 0..255: of the part that the image uses if it is narrow, else of all.

    values: [rows, columns]. is_whole: whether they are whole numbers, whose range is 16 bits where
    that holds them; the range of all others is from the least to the greatest.
    """
    finite = values[np.isfinite(values)]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    low, high = least, most
    if is_whole and least >= 0 and most <= _WHOLE:
        low, high = 0.0, float(_WHOLE)
    narrow = (high - low) / _NARROW
    ends = (least, most)
    if most - least >= narrow:
        sample = finite[:: max(1, finite.size // _SAMPLE)]
        ends = tuple(np.quantile(sample, (_TAIL, 1 - _TAIL), method="inverted_cdf").tolist())
    if 0 < ends[1] - ends[0] < narrow:
        low, high = ends
    if high == low:
        low, high = 0.0, float(_WHOLE)
    levels = np.nan_to_num((values - low) / ((high - low) / 255))
    return Image.fromarray(np.clip(levels + 0.5, 0, 255).astype(np.uint8))
