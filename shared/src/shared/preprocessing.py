"""Bytes to the network's input: the one function that trainer and worker share.

The manifest records its name and constants; goldens in every bundle catch a drift.
"""

import io
import warnings

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from shared.contracts.bundle import PreprocessingSpec
from shared.contracts.errors import ErrorCode
from shared.deep_colour import has_deep_colour
from shared.free_memory import return_free_memory
from shared.grey_bands import convert_to_grey
from shared.image_headers import (
    MAX_PIXELS,
    ImageError,
    ImageHeader,
    read_header,
)
from shared.image_reasons import DECODER_ERRORS, find_reason

__all__ = [
    "MAX_PIXELS",
    "Grey",
    "ImageError",
    "Pixels",
    "check_header",
    "decode_grey",
    "normalise",
    "normalise_with_mean",
    "preprocess",
    "upright_size",
]

_EXIF_ORIENTATION = 0x0112
_EXIF = b"Exif\0\0"
_UPRIGHT = 1
_ON_ITS_SIDE = range(5, 9)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_JPEG_END = b"\xff\xd9"
_LARGE_BYTES = 16 * 1024 * 1024
"""An image that needed more is followed by a return of free memory: some milliseconds."""
_EPSILON = 1e-6

Grey = NDArray[np.uint8]
Pixels = NDArray[np.float32]


def check_header(data: bytes) -> None:
    """Check type, size and structure without decoding a pixel. Raises ImageError."""
    read_header(data)


def upright_size(data: bytes) -> tuple[int, int]:
    """Give width and height, pixels, of the image as it is shown: EXIF's orientation applied.

    What `decode_grey` squashes is the whole of it. Raises ImageError, see `read_header`.
    """
    header = read_header(data)
    if header.is_plain:
        return header.width, header.height
    image = _open(data, header)
    lying = _orientation(image) in _ON_ITS_SIDE
    # Of a TIFF, Pillow tells the size as it is shown.
    return (image.height, image.width) if lying and image.format != "TIFF" else image.size


def decode_grey(data: bytes, size_px: int, header: ImageHeader | None = None) -> Grey:
    """Decode an encoded image to grey and squash it to uint8 [size_px, size_px].

    Orientation from EXIF is applied; of an animation the first frame counts; more than 8
    bits are scaled to 8, see `deep_grey`; an alpha channel that is 0 everywhere is ignored; large
    JPEGs are scaled while decoding (DCT scaling, never below size_px).
    Peak memory is that of the pixels as stored, MAX_DECODED_BYTES at most, and one byte per pixel.
    header: of these bytes, if it has been read. Raises ImageError, see `read_header`.
    """
    header = header or read_header(data)
    grey = _decoded(data, header, size_px)
    if header.decoded_bytes > _LARGE_BYTES:
        # An error would keep its frames, and so the image: it is a value until here.
        return_free_memory()
    if isinstance(grey, ImageError):
        raise grey
    return grey


def _decoded(data: bytes, header: ImageHeader, size_px: int) -> Grey | ImageError:
    try:
        return _decode(data, header, size_px)
    except DECODER_ERRORS as error:
        return find_reason(error)


def _decode(data: bytes, header: ImageHeader, size_px: int) -> Grey:
    image = None if header.is_plain else _open(data, header)
    is_plain = image is None or _is_plain_jpeg(image)
    grey = _decode_jpeg(data, size_px, header) if is_plain else None
    if grey is None:
        return _squash(_to_grey(data, header, image or _open(data, header), size_px), size_px)
    return grey if grey.shape == (size_px, size_px) else _squash(Image.fromarray(grey), size_px)


def _open(data: bytes, header: ImageHeader) -> ImageFile:
    """Have Pillow read a header whose structure is known to be within bounds."""
    pixels = header.pixel_data(data)
    try:
        image = _opened(pixels, header.format)
    except DECODER_ERRORS as error:
        if header.format != "JPEG" or _EXIF not in pixels:
            raise find_reason(error) from error
        # Pillow reads the resolution from EXIF at once; broken EXIF must not cost the pixels.
        image = _opened_without_exif(pixels)
    if sorted(image.size) != sorted((header.width, header.height)):
        # Two readers of one header that do not agree: nothing that was checked holds.
        raise ImageError(ErrorCode.UNDECODABLE, "The image header is damaged.")
    return image


def _opened(pixels: bytes, format_: str) -> ImageFile:
    with warnings.catch_warnings():
        # Our own limit speaks before, with a code a client can act on.
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(pixels), formats=(format_,))


def _opened_without_exif(pixels: bytes) -> ImageFile:
    try:
        return _opened(pixels.replace(_EXIF, bytes(len(_EXIF))), "JPEG")
    except DECODER_ERRORS as error:
        raise find_reason(error) from error


def _orientation(image: Image.Image) -> int:
    """Return EXIF's orientation, also where it is written as text; upright if it is unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(image.getexif().get(_EXIF_ORIENTATION, _UPRIGHT))
    except Exception:  # noqa: BLE001  Pillow raises anything for broken EXIF; the pixels are whole
        return _UPRIGHT


def _is_plain_jpeg(image: Image.Image) -> bool:
    # The orientation last: to look for it, Pillow decodes a PNG.
    return image.format == "JPEG" and image.mode in ("L", "RGB") and _orientation(image) == _UPRIGHT


def _decode_jpeg(data: bytes, size_px: int, header: ImageHeader) -> Grey | None:
    if not (header.is_progressive or data.endswith(_JPEG_END)):
        # Pixels that lack nothing but the end marker decode without a warning once it is there.
        # Progressive ones do so as well where whole scans are missing.
        data += _JPEG_END
    try:
        decoded: Grey = simplejpeg.decode_jpeg(
            data, colorspace="GRAY", min_height=size_px, min_width=size_px, strict=True
        )
    except ValueError:
        return None  # libjpeg warned: Pillow tells harmless oddities from damage.
    return decoded[:, :, 0]


def _to_grey(data: bytes, header: ImageHeader, image: ImageFile, size_px: int) -> Image.Image:
    """Convert a decoded image to grey, upright. What was decoded is released."""
    if image.format == "JPEG":
        image.draft("L", (size_px, size_px))
    is_deep = has_deep_colour(image)
    image.load()
    turn = _TURNS.get(_orientation(image))
    if image.mode == "L" and "transparency" not in image.info:
        grey: Image.Image = image
    else:
        grey = convert_to_grey(image, header, lambda: _open(data, header), has_deep_colour=is_deep)
    return grey if turn is None else grey.transpose(turn)


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
