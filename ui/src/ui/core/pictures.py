"""The picture that was asked about, and the heat map over it: Pillow alone, no server."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

SHOWN_PX = 900
"""Longest side of a picture on a page."""
MAX_PIXELS = 40_000_000
"""More are not decoded; the gateway takes no more either."""
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I")
_WHOLE, _NARROW, _TAIL = 65_535, 1 << 14, 0.001
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


def _grey(image: Image.Image) -> Image.Image:
    if image.format == "JPEG":
        image.draft("L", (SHOWN_PX, SHOWN_PX))
    if image.mode in _SIXTEEN_BIT_MODES:
        image = _eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, rgba)
    upright = ImageOps.exif_transpose(image).convert("L")
    upright.thumbnail((SHOWN_PX, SHOWN_PX))
    return upright.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the levels 0..255: of the part that the image uses if it is narrow, else of all."""
    values = np.asarray(image, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= _WHOLE and high - low >= _NARROW:
        low, high = np.quantile(values, (_TAIL, 1 - _TAIL), method="inverted_cdf").tolist()
        if high - low >= _NARROW:
            low, high = 0.0, float(_WHOLE)
    if high == low:
        low, high = 0.0, float(_WHOLE)
    levels = (values - low) / ((high - low) / 255)
    return Image.fromarray(np.clip(levels + 0.5, 0, 255).astype(np.uint8))
