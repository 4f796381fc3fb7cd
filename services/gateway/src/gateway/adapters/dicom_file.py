"""Renders a DICOM file as a grey image. Imported only by the decoder process: large native code."""

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
    read_whole,
    undecodable,
)
from gateway.adapters.dicom_grey_scale import read_grey_scale, read_windows
from gateway.adapters.dicom_jpeg import decode_jpeg_12_bit
from gateway.core.dicom import Rendered, find_warnings
from gateway.core.faults import Fault
from gateway.core.grey_scale import TAIL, choose_window, level_table
from gateway.ports import FaultError
from shared.contracts.errors import ErrorCode

SHORTER_PX = 1_024
"""Shorter side of the rendered image. The model sees 224; the rest is for people, and for a
model to come."""
MOST_PIXELS = 4_000_000
"""Maximum pixels of that image: as noise it is a PNG of 4 MB, and Kafka accepts 8 MiB."""
_QUICK = 1
_TOGETHER = 1 << 20
"""Pixels counted or looked up at once; NumPy makes 8 bytes of each."""
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = (
    *("PALETTE COLOR", "RGB", "HSV", "ARGB", "CMYK", "YBR_FULL", "YBR_FULL_422"),
    *("YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"),
)
_BITS = (8, 16)
_MIN_BITS_STORED = 8
_FIRST_OVERLAY, _LAST_OVERLAY, _OVERLAY_BIT = 0x6000, 0x601E, 0x0102
_MISFIT = "Its pixel data do not fit its dimensions."

Stored = NDArray[np.unsignedinteger[Any]]


def render(content: bytes, *, max_pixels: int) -> Rendered:
    """Decode one file; return its image as it would be displayed, and its warnings.

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
        scale = read_grey_scale(dataset, is_signed=is_signed)
        windows = read_windows(dataset)
        about = read_about(dataset)
        has_more_bits = _has_bits_above(dataset)
    stored, counts = _counted(pixels, is_signed=is_signed)
    scale = choose_window(windows, stored, counts, scale)
    levels = _levels(pixels, level_table(stored, counts, scale))
    has_window = scale.window is not None
    found = find_warnings(about, has_window=has_window, has_bits_above=has_more_bits)
    return Rendered(_png(levels), found)


def _read(content: bytes) -> pydicom.Dataset:
    try:
        return pydicom.dcmread(io.BytesIO(content))
    except InvalidDicomError as error:
        raise undecodable("The file does not begin like a DICOM file.") from error


def _refuse_others(dataset: pydicom.Dataset, max_pixels: int) -> None:
    """Return if it is a single grey image of a supported kind. Raises FaultError."""
    if not dataset.get("PixelData"):
        raise _without_pixels(dataset)
    complete(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_transfer_syntax:
        raise _unsupported(f"Its transfer syntax is not supported: {_named(syntax)}.")
    bits, pixels = dataset.BitsAllocated, dataset.Rows * dataset.Columns
    if pixels > max_pixels:
        limit = f"The image has more than {max_pixels // 1_000_000} megapixels."
        raise _fault(ErrorCode.TOO_MANY_PIXELS, limit)
    is_grey = dataset.PhotometricInterpretation in _GREY and dataset.SamplesPerPixel == 1
    for holds, detail in (
        (
            bits in _BITS and _MIN_BITS_STORED <= dataset.BitsStored <= bits,
            "A pixel must have 8 to 16 bits stored, in 8 or 16 allocated.",
        ),
        (
            _frame_count(dataset) == 1,
            "It has more than one frame; send a single image.",
        ),
        (is_grey, f"{_not_grey(dataset)}; it must be MONOCHROME1 or MONOCHROME2."),
        (
            syntax.is_encapsulated or dataset.HighBit < dataset.BitsStored,
            f"HighBit {dataset.HighBit} does not fit BitsStored {dataset.BitsStored}.",
        ),
        (_is_decodable(syntax), f"Its transfer syntax is not supported: {_named(syntax)}."),
    ):
        if not holds:
            raise _unsupported(detail)
    _refuse_missing_bytes(dataset)


def _not_grey(dataset: pydicom.Dataset) -> str:
    if dataset.SamplesPerPixel > 1 or dataset.PhotometricInterpretation in _COLOURS:
        return "Its pixels are in colour"
    # What it says instead is not quoted: it may be anything.
    return "Its PhotometricInterpretation is unknown"


def _refuse_missing_bytes(dataset: pydicom.Dataset) -> None:
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    present, needed = len(dataset.PixelData), _frame_bytes(dataset)
    if present < needed:
        raise undecodable(f"Its pixel data are cut short: {present} of {needed} bytes.")


def _frame_bytes(dataset: pydicom.Dataset) -> int:
    pixels = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel
    return int(pixels * -(-dataset.BitsAllocated // 8))


def _frame_count(dataset: pydicom.Dataset) -> int:
    """Return the frames that the file names or, where it names none, those it has pixels for."""
    named = read_whole(dataset, "NumberOfFrames")
    if named or dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return named or 1
    return max(1, len(dataset.PixelData) // _frame_bytes(dataset))


def _without_pixels(dataset: pydicom.Dataset) -> FaultError:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return _unsupported("Its pixels are fractions; they must be whole numbers.")
    # A file that is cut inside of its pixels has no dataset left, but for its file meta.
    is_cut = "SOPClassUID" not in dataset and "DirectoryRecordSequence" not in dataset
    if is_cut or "Rows" in dataset:
        return undecodable("Its pixel data are missing, or cut short.")
    return _unsupported(f"It contains no image: {_named(dataset.get('SOPClassUID'))}.")


def _named(uid: UID | None) -> str:
    # By the dictionary's name: text of the file in place of a UID is never quoted.
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
    """Return the stored values by their bits, uint8 or uint16 [rows, columns], signed or not."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == JPEGExtended12Bit and dataset.BitsStored > _BITS[0]:
        return _decode_jpeg_12_bit(dataset)
    # By name: other installed libraries must not change the result.
    plugin = "gdcm" if syntax.is_encapsulated and syntax != RLELossless else ""
    kind = "pydicom" if syntax == RLELossless else plugin
    stored = pixel_array(dataset, raw=True, decoding_plugin=kind)
    if stored.shape != (dataset.Rows, dataset.Columns) or stored.dtype.itemsize * 8 not in _BITS:
        raise undecodable(_MISFIT)
    # pydicom keeps big-endian values: read by their bits, they would be other values.
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    unsigned = np.dtype(f"u{stored.dtype.itemsize}")
    return np.ascontiguousarray(stored).view(unsigned)


def _has_bits_above(dataset: pydicom.Dataset) -> bool:
    """Return whether more than the tails of uncompressed pixels have values above BitsStored.

    They are cut off, as the standard has it, which is right for overlays in these bits.
    """
    bits, allocated = dataset.BitsStored, dataset.BitsAllocated
    syntax = dataset.file_meta.TransferSyntaxUID
    if bits == allocated or syntax.is_encapsulated or _has_overlay_in_pixels(dataset):
        return False
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    is_signed = dataset.PixelRepresentation == 1
    kind = f"{order}{'i' if is_signed else 'u'}{allocated // 8}"
    values = np.frombuffer(dataset.PixelData, kind, dataset.Rows * dataset.Columns)
    low, high = (-1 << bits - 1, (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    beyond = np.count_nonzero(values > high) + np.count_nonzero(values < low)
    return bool(beyond > TAIL * len(values))


def _has_overlay_in_pixels(dataset: pydicom.Dataset) -> bool:
    groups = range(_FIRST_OVERLAY, _LAST_OVERLAY + 1, 2)
    return any(dataset.get((group, _OVERLAY_BIT)) is not None for group in groups)


def _decode_jpeg_12_bit(dataset: pydicom.Dataset) -> Stored:
    try:
        return decode_jpeg_12_bit(dataset)
    except ValueError as error:
        raise undecodable(_MISFIT) from error


def _counted(pixels: Stored, *, is_signed: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return every possible stored value, by its bits, and how many pixels have it."""
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
    image = Image.fromarray(levels)
    width, height = image.size
    ratio = max(1.0, min(width, height) / SHORTER_PX, math.sqrt(width * height / MOST_PIXELS))
    if ratio > 1:
        smaller = (max(1, round(width / ratio)), max(1, round(height / ratio)))
        image = image.resize(smaller, Image.Resampling.BOX)
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=_QUICK)
    return encoded.getvalue()


def _unsupported(detail: str) -> FaultError:
    return _fault(ErrorCode.UNSUPPORTED_DICOM, f"This DICOM file is not supported. {detail}")


def _fault(code: ErrorCode, detail: str) -> FaultError:
    return FaultError(Fault(code, detail))
