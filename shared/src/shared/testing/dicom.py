"""DICOM files for tests, of nobody: each says the name of a patient whom there is not."""

import io
from typing import Any

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

IDENTIFIERS = {
    "PatientName": "SMITH^JOHN",
    "PatientID": "MRN19570412",
    "PatientBirthDate": "19570412",
    "AccessionNumber": "ACC7719022",
    "InstitutionName": "MERCYWEST",
    "ReferringPhysicianName": "QUACKENBUSH^ADA",
    "ImageComments": "SMITH JOHN, room 4",
}
TELLING = ("SMITH", "MRN19570412", "19570412", "ACC7719022", "MERCYWEST", "QUACKENBUSH")
"""What must be found nowhere."""
CHEST = {
    "Modality": "DX",
    "ViewPosition": "PA",
    "BodyPartExamined": "CHEST",
    "BurnedInAnnotation": "NO",
}
_GDCM = {
    uid.JPEGBaseline8Bit: gdcm.TransferSyntax.JPEGBaselineProcess1,
    uid.JPEGExtended12Bit: gdcm.TransferSyntax.JPEGExtendedProcess2_4,
    uid.JPEGLossless: gdcm.TransferSyntax.JPEGLosslessProcess14,
    uid.JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    uid.JPEGLSLossless: gdcm.TransferSyntax.JPEGLSLossless,
    uid.JPEGLSNearLossless: gdcm.TransferSyntax.JPEGLSNearLossless,
    uid.JPEG2000Lossless: gdcm.TransferSyntax.JPEG2000Lossless,
    uid.JPEG2000: gdcm.TransferSyntax.JPEG2000,
}


def new_dicom(
    pixels: NDArray[Any],
    *,
    syntax: str = uid.ExplicitVRLittleEndian,
    bits: int | None = None,
    elements: dict[str, Any] | None = None,
) -> bytes:
    """A file of one frame: uint8, uint16 or int16 [rows, columns], `bits` of them stored.

    elements: beside those of a chest radiograph, or instead; None takes one away.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
    dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = uid.generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    _put_pixels(dataset, pixels)
    for name, value in (IDENTIFIERS | CHEST | (elements or {})).items():
        if value is not None:
            setattr(dataset, name, value)
        elif name in dataset:
            delattr(dataset, name)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def new_lut(entries: NDArray[np.uint16], first: int, bits: int) -> list[Dataset]:
    """A lookup table, as ModalityLUTSequence and VOILUTSequence have it."""
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [len(entries) % 65_536, first, bits])
    table.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return [table]


def _put_pixels(dataset: Dataset, pixels: NDArray[Any]) -> None:
    syntax = dataset.file_meta.TransferSyntaxUID
    big = syntax == uid.ExplicitVRBigEndian
    raw = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()
    if syntax in _GDCM:
        dataset.PixelData = encapsulate([_encoded(dataset, raw)])
        dataset["PixelData"].VR = "OB"
    elif syntax == uid.RLELossless:
        dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        dataset.PixelData = raw
        dataset.compress(uid.RLELossless, generate_instance_uid=False)
    elif syntax.is_encapsulated:
        # Of what nobody here can decode, only the name matters.
        dataset.PixelData = encapsulate([raw])
        dataset["PixelData"].VR = "OB"
    else:
        dataset.PixelData = raw
        dataset["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"


def _encoded(dataset: Dataset, raw: bytes) -> bytes:
    writer = gdcm.ImageWriter()
    image = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((dataset.Columns, dataset.Rows, 1))
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    image.SetPhotometricInterpretation(grey)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    image.SetPixelFormat(
        gdcm.PixelFormat(
            1,
            dataset.BitsAllocated,
            dataset.BitsStored,
            dataset.HighBit,
            dataset.PixelRepresentation,
        )
    )
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetByteStringValue(raw)
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(_GDCM[dataset.file_meta.TransferSyntaxUID]))
    change.SetInput(image)
    assert change.Change()
    frame = change.GetOutput().GetDataElement().GetSequenceOfFragments().GetFragment(0)
    encoded: bytes = frame.GetByteValue().GetBuffer().encode("utf-8", "surrogateescape")
    return encoded
