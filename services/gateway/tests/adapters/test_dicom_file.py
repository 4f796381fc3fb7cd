"""DICOM files as they are found, each with its image, its warnings or its reason."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid

from gateway.adapters.dicom_file import render
from gateway.adapters.dicom_reasons import find_fault
from gateway.core.dicom import Rendered
from shared.contracts.errors import ErrorCode
from shared.testing.dicom import new_dicom, new_lut

MAX_PIXELS = 40_000_000
TWELVE_BITS = {"WindowCenter": 2048, "WindowWidth": 4096}


def grey() -> np.ndarray:
    """Return a soft image of 12 bits: uint16 [60, 80]."""
    coarse = np.random.default_rng(7).integers(0, 255, (6, 7), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((80, 60), Image.Resampling.BICUBIC)
    values = np.asarray(image, dtype=np.float64)
    spread = (values - values.min()) / (values.max() - values.min())
    return (spread * 4095).astype(np.uint16)


def with_dead_pixels(values: np.ndarray) -> np.ndarray:
    dotted = values.copy()
    dotted[0, :3] = 65_535
    return dotted


def dicom(elements=None, **options):
    return new_dicom(grey(), bits=12, elements=TWELVE_BITS | (elements or {}), **options)


def rendered(file: bytes) -> Rendered:
    return render(file, max_pixels=MAX_PIXELS)


def levels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(rendered(file).png))).astype(int)


def fault(file: bytes):
    with pytest.raises(Exception) as raised:  # noqa: PT011  what the decoder's process gets
        render(file, max_pixels=MAX_PIXELS)
    return find_fault(raised.value)


def resaved(file: bytes, *, implicit: bool) -> bytes:
    """Write the file without its transfer syntax."""
    dataset = pydicom.dcmread(io.BytesIO(file))
    del dataset.file_meta.TransferSyntaxUID
    stream = io.BytesIO()
    dataset.save_as(stream, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    return stream.getvalue()


def with_text(name: str, text: str, written: str) -> bytes:
    """Write a value that pydicom would not write: of the same length, in the file's bytes."""
    return dicom({name: written}).replace(written.encode(), text.encode())


def with_lut(name: str, *, entries: int = 100, said: int = 4096, without: str = "") -> bytes:
    """Write a table that says other than it holds, beside a good window."""
    table = new_lut(np.arange(entries, dtype=np.uint16), 0, 12)
    if said:
        table[0].LUTDescriptor = [said, 0, 12]
    if without:
        delattr(table[0], without)
    return dicom({name: table})


def changed(file: bytes, **elements: object) -> bytes:
    """Write the file with other elements; None takes one away."""
    dataset = pydicom.dcmread(io.BytesIO(file))
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def with_syntax(of: uid.UID, named: str) -> bytes:
    """Write pixels of one transfer syntax under the name of another."""
    dataset = pydicom.dcmread(io.BytesIO(dicom(syntax=of)))
    dataset.file_meta.TransferSyntaxUID = uid.UID(named)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


WITHOUT_A_LOSS = {
    "no SamplesPerPixel": dicom({"SamplesPerPixel": None}),
    "no PixelRepresentation": dicom({"PixelRepresentation": None}),
    "no BitsStored": dicom({"BitsStored": None}),
    "no HighBit": dicom({"HighBit": None}),
    "no transfer syntax, implicit": resaved(dicom(), implicit=True),
    "no transfer syntax, explicit": resaved(dicom(), implicit=False),
    "polarity in small letters": with_text(
        "PhotometricInterpretation", "monochrome2 ", "MONOCHROME2 "
    ),
    "a VOI LUT with too few entries": with_lut("VOILUTSequence"),
    "a VOI LUT without entries": with_lut("VOILUTSequence", without="LUTData"),
    "a VOI LUT without descriptor": with_lut("VOILUTSequence", said=0, without="LUTDescriptor"),
    "HighBit 15 in JPEG 2000, which does not use it": dicom(
        {"HighBit": 15}, syntax=uid.JPEG2000Lossless
    ),
}


@pytest.mark.parametrize("name", WITHOUT_A_LOSS)
def test_what_a_file_leaves_out_is_what_viewers_assume(name):
    file = WITHOUT_A_LOSS[name]
    assert (levels(file) == levels(dicom())).all()
    assert rendered(file).warnings == ()


NO_WINDOW = {
    "decimal comma": with_text("WindowCenter", "2048,0", "2048.0"),
    "no number": with_text("WindowWidth", "broad!", "4096.0"),
    "of 8 bits": dicom({"WindowCenter": 128, "WindowWidth": 256}),
    "of a CT's lung": dicom({"WindowCenter": -600, "WindowWidth": 1500}),
    "a VOI LUT for 8 bits": dicom(
        {
            "WindowCenter": None,
            "WindowWidth": None,
            "VOILUTSequence": new_lut(np.arange(256, dtype=np.uint16), 0, 8),
        }
    ),
}


@pytest.mark.parametrize("name", NO_WINDOW)
def test_a_window_of_no_use_is_none(name):
    none = dicom({"WindowCenter": None, "WindowWidth": None})
    assert rendered(NO_WINDOW[name]).warnings == ("no_window",)
    assert (levels(NO_WINDOW[name]) == levels(none)).all()


def test_a_window_is_taken_beside_a_voi_lut_of_no_use():
    file = dicom({"VOILUTSequence": new_lut(np.arange(256, dtype=np.uint16), 0, 8)})
    assert (levels(file) == levels(dicom())).all()
    assert rendered(file).warnings == ()


def test_a_narrow_window_that_holds_a_quarter_of_the_pixels_is_applied():
    file = dicom({"WindowCenter": 2048, "WindowWidth": 1500})
    assert rendered(file).warnings == ()
    assert np.isin((0, 255), levels(file)).all()


@pytest.mark.parametrize(
    "elements",
    [
        {"PresentationIntentType": "FOR PROCESSING"},
        {"SOPClassUID": uid.DigitalXRayImageStorageForProcessing},
    ],
)
def test_raw_detector_values_are_warned_of(elements):
    assert rendered(dicom(elements)).warnings == ("for_processing",)


FRACTIONS = {"PixelData": None, "FloatPixelData": bytes(4 * 60 * 80), "BitsAllocated": 32}


def with_overlay(file: bytes) -> bytes:
    """Say that bit 15 of the pixels holds an overlay."""
    dataset = pydicom.dcmread(io.BytesIO(file))
    dataset.add_new((0x6000, 0x0102), "US", 15)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


BEYOND = {
    "14 bits of 12": (new_dicom(grey() * 4, bits=12, elements=TWELVE_BITS), True),
    "14 bits of 12, big endian": (
        new_dicom(grey() * 4, bits=12, elements=TWELVE_BITS, syntax=uid.ExplicitVRBigEndian),
        True,
    ),
    "14 bits of 12 with a sign": (
        new_dicom(grey().astype(np.int16) * 4 - 8192, bits=12, elements=TWELVE_BITS),
        True,
    ),
    "12 bits with a sign": (
        new_dicom(
            grey().astype(np.int16) - 2048,
            bits=12,
            elements={"WindowCenter": 0, "WindowWidth": 4096},
        ),
        False,
    ),
    "an overlay": (
        with_overlay(new_dicom(grey() | 0x8000, bits=12, elements=TWELVE_BITS)),
        False,
    ),
    "a few dead pixels": (
        new_dicom(with_dead_pixels(grey()), bits=12, elements=TWELVE_BITS),
        False,
    ),
}


@pytest.mark.parametrize("name", BEYOND)
def test_values_above_the_bits_stored_are_warned_of(name):
    file, is_warned = BEYOND[name]
    assert ("bits_above_stored" in rendered(file).warnings) == is_warned


TWO_FRAMES = new_dicom(np.concatenate([grey(), grey()]), bits=12, elements={"Rows": 60})
REASONS = {
    "no polarity": (dicom({"PhotometricInterpretation": None}), "no PhotometricInterpretation"),
    "no rows": (dicom({"Rows": None}), "no Rows"),
    "rows of 0": (dicom({"Rows": 0}), "no pixels"),
    "comma": (with_text("RescaleSlope", "1,5", "1.5"), "RescaleSlope '1,5' is not a number"),
    "slope of 0": (dicom({"RescaleSlope": 0}), "RescaleSlope is 0"),
    "half": (dicom()[:-5000], "Its pixel data are cut short: 4600 of 9600 bytes."),
    "polarity empty": (
        changed(dicom(), PhotometricInterpretation=""),
        "no PhotometricInterpretation",
    ),
    "polarity unknown": (
        changed(dicom(), PhotometricInterpretation="GREY"),
        "Its PhotometricInterpretation is unknown",
    ),
    "colour": (changed(dicom(), PhotometricInterpretation="PALETTE COLOR"), "in colour"),
    "sign": (changed(dicom(), PixelRepresentation=2), "PixelRepresentation 2 is neither 0 nor 1"),
    "one bit": (changed(dicom(), BitsAllocated=1, BitsStored=1), "8 to 16 bits stored"),
    "fractions": (changed(dicom(), **FRACTIONS), "Its pixels are fractions"),
    "empty pixels": (changed(dicom(), PixelData=b""), "missing, or cut short"),
    "modality LUT": (with_lut("ModalityLUTSequence"), "ModalityLUTSequence is not complete"),
    "cut in encoded pixels": (dicom(syntax=uid.JPEG2000Lossless)[:-900], "missing, or cut short"),
    "cut in the file meta": (dicom()[:132], "missing, or cut short"),
    "a private syntax": (
        with_syntax(uid.JPEG2000Lossless, "1.2.3.4"),
        "Its transfer syntax is not supported",
    ),
    "another syntax": (
        with_syntax(uid.JPEGLSLossless, uid.JPEG2000Lossless),
        "or not of the transfer syntax that the file names",
    ),
    "no syntax, and less than the pixels": (
        resaved(dicom(), implicit=True)[:-2000],
        "does not name its transfer syntax",
    ),
    "two frames": (TWO_FRAMES, "more than one frame"),
    "shifted": (dicom({"HighBit": 15}), "HighBit 15 does not fit BitsStored 12"),
}


@pytest.mark.parametrize("name", REASONS)
def test_a_refusal_names_the_element_and_its_value(name):
    file, reason = REASONS[name]
    assert reason in fault(file).detail


def test_a_name_in_the_place_of_a_number_is_not_quoted():
    file = with_text("RescaleSlope", "SMITH^J ", "1.234567")
    assert fault(file).detail == "The value of RescaleSlope is not a number."


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "more memory"),
        (AttributeError("x"), "lacks an element"),
        (NotImplementedError("x"), "not supported"),
        (ValueError("x"), "lacks an element"),
        (RuntimeError("x"), "damaged, cut short, or not of the transfer syntax"),
        (EOFError("x"), "damaged or cut short"),
    ],
)
def test_only_what_ends_early_is_called_damaged_or_cut_short(error, reason):
    found = find_fault(error)
    assert found.code is ErrorCode.UNDECODABLE
    assert reason in found.detail
    assert ("cut short" in found.detail) == (type(error) in (RuntimeError, EOFError))
