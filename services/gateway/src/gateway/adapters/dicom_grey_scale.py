"""The grey scale of a DICOM file. Imported only by the decoder process."""

import numpy as np
import pydicom

from gateway.adapters.dicom_elements import (
    read_number,
    read_number_or_nan,
    read_padding,
    undecodable,
)
from gateway.core.grey_scale import GreyScale, GreyWindow, Lookup, Rescale, Shape, is_usable

_MAX_LUT_ENTRIES = 65_536


def read_grey_scale(dataset: pydicom.Dataset, *, is_signed: bool) -> GreyScale:
    """Return what becomes of stored values, but for the window. Raises FaultError."""
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
        for lookup in _usable_lookup(table[0], is_signed=is_signed):
            return lookup
        raise undecodable("ModalityLUTSequence is not complete.")
    slope = read_number(dataset, "RescaleSlope", 1.0)
    if not slope:
        raise undecodable("RescaleSlope is 0.")
    return Rescale(slope, read_number(dataset, "RescaleIntercept", 0.0))


def read_windows(dataset: pydicom.Dataset) -> tuple[GreyWindow | Lookup, ...]:
    """Return what can be a window, in the order of preference."""
    found: list[GreyWindow | Lookup] = []
    if table := dataset.get("VOILUTSequence"):
        # What goes in is signed where the modality's values are (C.11.2.1.1): they may be.
        found += _usable_lookup(table[0], is_signed=dataset.PixelRepresentation == 1)
    function = dataset.get("VOILUTFunction") or Shape.LINEAR.value
    shape = Shape(function) if function in tuple(Shape) else Shape.LINEAR
    # Of several, the first: the one that the maker of the file shows first.
    centre = read_number_or_nan(dataset, "WindowCenter")
    window = GreyWindow(centre, read_number_or_nan(dataset, "WindowWidth"), shape)
    return (*found, window) if is_usable(window) else tuple(found)


def _usable_lookup(table: pydicom.Dataset, *, is_signed: bool) -> list[Lookup]:
    """Return the table, or nothing where its descriptor or its entries are missing or too few."""
    try:
        return [_lookup(table, is_signed=is_signed)]
    except (AttributeError, TypeError, ValueError):
        return []


def _lookup(table: pydicom.Dataset, *, is_signed: bool) -> Lookup:
    entries, first, _ = (int(value) for value in table.LUTDescriptor)
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
