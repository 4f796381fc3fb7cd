"""A DICOM file to a grey picture. Imported by the decoder's process alone: native code and big."""

import io
import math
import warnings
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.errors import InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, JPEGExtended12Bit, RLELossless

from gateway.adapters.dicom_elements import (
    complete,
    read_about,
    read_number,
    read_number_or_nan,
    read_padding,
    read_whole,
    undecodable,
)
from gateway.adapters.dicom_jpeg import decode_jpeg_12_bit
from gateway.core.dicom import Rendered, find_warnings
from gateway.core.faults import Fault
from gateway.core.grey_scale import (
    GreyScale,
    Lookup,
    Rescale,
    Shape,
    Window,
    choose_window,
    is_usable,
    level_table,
)
from gateway.ports import FaultError
from shared.contracts.errors import ErrorCode

SHORTER_PX = 1_024
"""Shorter side of the picture that goes on. The model sees 224; the rest is for people, and for a
model to come."""
MOST_PIXELS = 4_000_000
"""Of that picture, whatever its shape: as noise it is a PNG of 4 MB, and Kafka takes 8 MiB."""
_MAX_LUT_ENTRIES = 65_536
_QUICK = 1
_TOGETHER = 1 << 20
"""Pixels counted or looked up at once; NumPy makes 8 bytes of each."""
_GREY = ("MONOCHROME1", "MONOCHROME2")
_BITS = (8, 16)
_MIN_BITS_STORED = 8

Stored = NDArray[np.unsignedinteger[Any]]


def render(content: bytes, *, max_pixels: int) -> Rendered:
    """Decode one file, and give its picture as it would be displayed, and what to warn of.

    Raises FaultError: UNSUPPORTED_DICOM, UNDECODABLE, TOO_MANY_PIXELS; for damage that nobody
    foresaw any other error.
    """
    with warnings.catch_warnings():
        # They quote the file.
        warnings.simplefilter("ignore")
        dataset = _read(content)
        _refuse_others(dataset, max_pixels)
        is_signed = dataset.PixelRepresentation == 1
        pixels = _decode(dataset)
        scale = _grey_scale(dataset, is_signed=is_signed)
        windows = _windows(dataset)
        about = read_about(dataset)
    stored, counts = _counted(pixels, is_signed=is_signed)
    scale = choose_window(windows, stored, counts, scale)
    levels = _levels(pixels, level_table(stored, counts, scale))
    return Rendered(_png(levels), find_warnings(about, has_window=scale.window is not None))


def _read(content: bytes) -> pydicom.Dataset:
    try:
        return pydicom.dcmread(io.BytesIO(content))
    except InvalidDicomError as error:
        raise undecodable("The file does not begin as DICOM does.") from error


def _refuse_others(dataset: pydicom.Dataset, max_pixels: int) -> None:
    """Return if it is one grey picture of a kind that is decoded here. Raises FaultError."""
    if "PixelData" not in dataset:
        raise _without_pixels(dataset)
    complete(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    bits, pixels = dataset.BitsAllocated, dataset.Rows * dataset.Columns
    if pixels > max_pixels:
        limit = f"The image has more than {max_pixels // 1_000_000} megapixels."
        raise _fault(ErrorCode.TOO_MANY_PIXELS, limit)
    is_grey = dataset.PhotometricInterpretation in _GREY and dataset.SamplesPerPixel == 1
    for holds, detail in (
        (
            _frame_count(dataset) == 1,
            "It has more than one frame; send a single radiograph.",
        ),
        (is_grey, "Its pixels are in colour; a radiograph is MONOCHROME1 or MONOCHROME2."),
        (
            bits in _BITS and _MIN_BITS_STORED <= dataset.BitsStored <= bits,
            "A pixel has 8 to 16 bits stored, in 8 or 16 allocated.",
        ),
        (
            syntax.is_encapsulated or dataset.HighBit < dataset.BitsStored,
            f"HighBit {dataset.HighBit} does not fit BitsStored {dataset.BitsStored}.",
        ),
        (_is_decodable(syntax), f"Its transfer syntax is not taken: {_named(syntax)}."),
    ):
        if not holds:
            raise _unsupported(detail)


def _frame_count(dataset: pydicom.Dataset) -> int:
    """Return the frames that the file names or, where it names none, those it has pixels for."""
    named = read_whole(dataset, "NumberOfFrames")
    if named or dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return named or 1
    frame_bytes = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
    frame_bytes *= -(-dataset.BitsAllocated // 8)
    return max(1, len(dataset.PixelData) // int(frame_bytes))


def _without_pixels(dataset: pydicom.Dataset) -> FaultError:
    if "Rows" in dataset:
        return undecodable("Its pixel data are missing, or cut short.")
    return _unsupported(f"It holds no picture: {_named(dataset.get('SOPClassUID'))}.")


def _named(uid: UID | None) -> str:
    # By the dictionary's name: what the file says instead of a UID is no word of ours.
    known = isinstance(uid, UID) and uid.name != str(uid)
    return f"{uid.name} ({uid})" if known and uid is not None else "of an unknown kind"


def _is_decodable(syntax: UID) -> bool:
    if syntax in (RLELossless, ExplicitVRBigEndian) or not syntax.is_encapsulated:
        return bool(syntax.is_transfer_syntax)
    try:
        return "gdcm" in get_decoder(syntax).available_plugins
    except NotImplementedError:
        return False


def _decode(dataset: pydicom.Dataset) -> Stored:
    """Give the stored values by their bits, uint8 or uint16 [rows, columns], signed or not."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == JPEGExtended12Bit and dataset.BitsStored > _BITS[0]:
        return decode_jpeg_12_bit(dataset)
    # By name: which other libraries happen to be installed must not decide what a picture is.
    plugin = "gdcm" if syntax.is_encapsulated and syntax != RLELossless else ""
    kind = "pydicom" if syntax == RLELossless else plugin
    stored = pixel_array(dataset, raw=True, decoding_plugin=kind)
    if stored.shape != (dataset.Rows, dataset.Columns) or stored.dtype.itemsize * 8 not in _BITS:
        raise undecodable("Its pixel data do not fit its dimensions.")
    # Big endian values stay so in pydicom: taken by their bits, they would be other values.
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    unsigned = np.dtype(f"u{stored.dtype.itemsize}")
    return np.ascontiguousarray(stored).view(unsigned)


def _counted(pixels: Stored, *, is_signed: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give every possible stored value, by its bits, and how many pixels have it."""
    possible = 1 << (8 * pixels.dtype.itemsize)
    stored = np.arange(possible, dtype=np.int64)
    if is_signed:
        stored[possible // 2 :] -= possible
    counts = np.zeros(possible, dtype=np.int64)
    rows = max(1, _TOGETHER // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        counts += np.bincount(pixels[start : start + rows].ravel(), minlength=possible)
    return stored, counts


def _levels(pixels: Stored, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    levels = np.empty(pixels.shape, np.uint8)
    rows = max(1, _TOGETHER // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        levels[start : start + rows] = table[pixels[start : start + rows]]
    return levels


def _png(levels: NDArray[np.uint8]) -> bytes:
    picture = Image.fromarray(levels)
    width, height = picture.size
    ratio = max(1.0, min(width, height) / SHORTER_PX, math.sqrt(width * height / MOST_PIXELS))
    if ratio > 1:
        smaller = (max(1, round(width / ratio)), max(1, round(height / ratio)))
        picture = picture.resize(smaller, Image.Resampling.BOX)
    encoded = io.BytesIO()
    picture.save(encoded, "PNG", compress_level=_QUICK)
    return encoded.getvalue()


def _grey_scale(dataset: pydicom.Dataset, *, is_signed: bool) -> GreyScale:
    shape = dataset.get("PresentationLUTShape")
    # Files with MONOCHROME1 say INVERSE as well (PS3.3, C.8.11.1): it is one inversion, not two.
    is_inverse = dataset.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE"
    return GreyScale(
        modality=_modality(dataset, is_signed=is_signed),
        is_inverse=is_inverse,
        padding=read_padding(dataset, is_signed=is_signed),
    )


def _modality(dataset: pydicom.Dataset, *, is_signed: bool) -> Rescale | Lookup:
    if table := dataset.get("ModalityLUTSequence"):
        return _lookup(table[0], is_signed=is_signed)
    slope = read_number(dataset, "RescaleSlope", 1.0)
    if not slope:
        raise undecodable("RescaleSlope is 0.")
    return Rescale(slope, read_number(dataset, "RescaleIntercept", 0.0))


def _windows(dataset: pydicom.Dataset) -> tuple[Window | Lookup, ...]:
    """Give what can be a window, in the order of preference."""
    found: list[Window | Lookup] = []
    if table := dataset.get("VOILUTSequence"):
        # What goes in is signed where the modality's values are (C.11.2.1.1): they may be.
        found.append(_lookup(table[0], is_signed=dataset.PixelRepresentation == 1))
    said = dataset.get("VOILUTFunction") or Shape.LINEAR.value
    shape = Shape(said) if said in tuple(Shape) else Shape.LINEAR
    # Of several, the first: the one that the maker of the file shows first.
    centre = read_number_or_nan(dataset, "WindowCenter")
    window = Window(centre, read_number_or_nan(dataset, "WindowWidth"), shape)
    return (*found, window) if is_usable(window) else tuple(found)


def _lookup(table: pydicom.Dataset, *, is_signed: bool) -> Lookup:
    entries, first, _ = (int(word) for word in table.LUTDescriptor)
    count = entries or _MAX_LUT_ENTRIES
    data = table.LUTData
    if isinstance(data, bytes):
        kind = "<u2" if len(data) >= 2 * count else "u1"
        values = np.frombuffer(data, kind, count)
    else:
        values = np.asarray(data, dtype=np.int64)[:count] & 0xFFFF
    if is_signed and first >= 1 << 15:
        first -= 1 << 16
    return Lookup(float(first), values.astype(np.float64))


def _unsupported(detail: str) -> FaultError:
    return _fault(ErrorCode.UNSUPPORTED_DICOM, f"This DICOM file is not taken. {detail}")


def _fault(code: ErrorCode, detail: str) -> FaultError:
    return FaultError(Fault(code, detail))
