"""Bytes to the network's input: the one function that trainer and worker share.

The manifest records its name and constants; goldens in every bundle catch a drift.
"""

import io
import struct
import warnings

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from shared.contracts.bundle import PreprocessingSpec
from shared.contracts.errors import ErrorCode
from shared.jpeg_frames import plain_frame

MAX_PIXELS = 40_000_000
"""Largest image decoded, pixels; a radiograph has 4 to 12 million."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"GIF8")
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = 1
_ON_ITS_SIDE = range(5, 9)
_SIXTEEN_BIT_MODES = ("I;16", "I;16B", "I;16L", "I")
_EPSILON = 1e-6

Grey = NDArray[np.uint8]
Pixels = NDArray[np.float32]


class ImageError(ValueError):
    """The bytes are not an image we take; the sender's fault, never retried."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def check_header(data: bytes) -> None:
    """Check format and size without decoding a pixel. Raises ImageError, see `open_header`."""
    if (frame := plain_frame(data)) is None:
        open_header(data)
    else:
        _check_pixels(frame.width, frame.height)


def open_header(data: bytes) -> Image.Image:
    """Read format and size without decoding a pixel.

    Raises ImageError: EMPTY_FILE, UNSUPPORTED_MEDIA_TYPE, UNDECODABLE, TOO_MANY_PIXELS.
    """
    if not data:
        raise ImageError(ErrorCode.EMPTY_FILE, "The file is empty.")
    try:
        with warnings.catch_warnings():
            # Our own limit speaks below, with a code a client can act on.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        if data.startswith(_SIGNATURES):
            raise ImageError(ErrorCode.UNDECODABLE, "The image header is damaged.") from error
        known = ", ".join(FORMATS)
        raise ImageError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"The file is none of the image types {known}."
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(ErrorCode.TOO_MANY_PIXELS, _too_many_pixels()) from error
    except (OSError, SyntaxError, ValueError, struct.error, TypeError) as error:
        raise ImageError(ErrorCode.UNDECODABLE, "The image header is damaged.") from error
    _check_pixels(image.width, image.height)
    return image


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(ErrorCode.TOO_MANY_PIXELS, _too_many_pixels())


def _too_many_pixels() -> str:
    return f"The image has more than {MAX_PIXELS // 1_000_000} megapixels."


def upright_size(data: bytes) -> tuple[int, int]:
    """Give width and height, pixels, of the image as it is shown: EXIF's orientation applied.

    What `decode_grey` squashes is the whole of it. Raises ImageError, see `open_header`.
    """
    if (frame := plain_frame(data)) is not None:
        return frame.width, frame.height
    image = open_header(data)
    lying = image.getexif().get(_EXIF_ORIENTATION, _UPRIGHT) in _ON_ITS_SIDE
    # Of a TIFF, Pillow tells the size as it is shown.
    return (image.height, image.width) if lying and image.format != "TIFF" else image.size


def decode_grey(data: bytes, size_px: int) -> Grey:
    """Decode an encoded image to grey and squash it to uint8 [size_px, size_px].

    Orientation from EXIF is applied; of an animation the first frame counts; 16-bit images are
    scaled to 8 bits; large JPEGs are scaled while decoding (DCT scaling, never below size_px).
    Raises ImageError, see `open_header`.
    """
    frame = plain_frame(data)
    if frame is not None:
        _check_pixels(frame.width, frame.height)
    image = open_header(data) if frame is None else None
    try:
        grey = _decode_jpeg(data, size_px) if image is None or _is_plain_jpeg(image) else None
        if grey is None:
            return _squash(_to_grey(image or open_header(data), size_px), size_px)
        return grey if grey.shape == (size_px, size_px) else _squash(Image.fromarray(grey), size_px)
    except ImageError:
        raise
    except (OSError, SyntaxError, ValueError, struct.error, EOFError, TypeError) as error:
        raise ImageError(ErrorCode.UNDECODABLE, "The image is damaged or cut short.") from error


def _is_plain_jpeg(image: Image.Image) -> bool:
    upright = image.getexif().get(_EXIF_ORIENTATION, _UPRIGHT) == _UPRIGHT
    return image.format == "JPEG" and image.mode in ("L", "RGB") and upright


def _decode_jpeg(data: bytes, size_px: int) -> Grey | None:
    try:
        decoded: Grey = simplejpeg.decode_jpeg(
            data, colorspace="GRAY", min_height=size_px, min_width=size_px, strict=True
        )
    except ValueError:
        return None  # libjpeg warned: Pillow tells harmless oddities from damage.
    return decoded[:, :, 0]


def _to_grey(image: Image.Image, size_px: int) -> Image.Image:
    if image.format == "JPEG":
        image.draft("L", (size_px, size_px))
    if image.mode in _SIXTEEN_BIT_MODES:
        scaled = np.asarray(image, dtype=np.float32) / 257.0
        image = Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = _on_black(image)
    return ImageOps.exif_transpose(image).convert("L")


def _on_black(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)


def _squash(image: Image.Image, size_px: int) -> Grey:
    if image.size != (size_px, size_px):
        image = image.resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8)


def normalise(grey: Grey, spec: PreprocessingSpec) -> Pixels:
    """Standardise one grey image: uint8 [S, S] → float32 [S, S, 1] in [−1, 1].

    clip((x − mean) / std · target_std + target_mean, 0, 255) / 127.5 − 1, mean and standard
    deviation of this image alone, so that exposure says nothing about the class.
    """
    return normalise_with_mean(grey, spec)[0]


def normalise_with_mean(grey: Grey, spec: PreprocessingSpec) -> tuple[Pixels, float]:
    """Standardise as `normalise` does, and give the mean grey level, 0..255, that is lost by it."""
    x: Pixels = grey.astype(np.float32)
    mean = x.mean(dtype=np.float32)
    x -= mean
    spread = np.sqrt(np.square(x).mean(dtype=np.float32))
    # In place: at this size every temporary array is fresh memory, and its page faults cost more
    # than the arithmetic.
    x *= np.float32(spec.target_std) / (spread + np.float32(_EPSILON))
    x += np.float32(spec.target_mean)
    np.clip(x, 0.0, 255.0, out=x)
    x /= np.float32(127.5)
    x -= np.float32(1.0)
    return x[:, :, np.newaxis], float(mean)


def preprocess(data: bytes, spec: PreprocessingSpec) -> Pixels:
    """Encoded image → float32 [S, S, 1] in [−1, 1]. Raises ImageError."""
    return normalise(decode_grey(data, spec.size_px), spec)
