"""JPEG Extended with 12 bits, by GDCM itself: pydicom does not ask it for these."""

import gdcm
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import get_frame


def decode_jpeg_12_bit(dataset: pydicom.Dataset) -> NDArray[np.uint16]:
    """Return the stored values, uint16 [rows, columns]. Raises ValueError if they do not fit."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    image.SetPhotometricInterpretation(grey)
    syntax = gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4)
    image.SetTransferSyntax(syntax)
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, int(dataset.PixelRepresentation)))
    # GDCM gives bytes as a string.
    buffer = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(buffer, np.uint16).reshape(rows, columns)
