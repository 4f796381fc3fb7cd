"""One image gives one answer, in every encoding that holds it without loss."""

import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from pydicom import uid

from gateway.adapters.dicom_file import render
from inference_worker.adapters.engine_openvino import OpenVinoLoader
from inference_worker.core.verdicts import calibrate
from shared.preprocessing import preprocess
from shared.testing.deep_images import new_deep_png, new_raw_tiff
from shared.testing.dicom import new_dicom, new_lut

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))
TOLERANCE = 0.01
WHOLE_8 = {"WindowCenter": 128, "WindowWidth": 256}
WHOLE_12 = {"WindowCenter": 2040.5, "WindowWidth": 4081}
SIGNED_12 = {"WindowCenter": -7.5, "WindowWidth": 4081}
RAMP = np.arange(4081, dtype=np.uint16)

Encode = Callable[[np.ndarray], bytes]


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def converted(mode: str, kind: str, **options: object) -> Encode:
    return lambda grey: encoded(Image.fromarray(grey).convert(mode), kind, **options)


def deep(factor: int, kind: str = "PNG", **options: object) -> Encode:
    return lambda grey: encoded(grey.astype(np.uint16) * factor, kind, **options)


def negative(kind: type[np.unsignedinteger]) -> Encode:
    def encode(grey: np.ndarray) -> bytes:
        tags = ImageFileDirectory_v2()
        tags[262] = 0
        # Pillow turns 8 bits round itself when it writes them, and not 16.
        stored = grey if kind is np.uint8 else 65_535 - grey.astype(np.uint16) * 257
        return encoded(stored, "TIFF", tiffinfo=tags)

    return encode


def dicom(factor: int, bits: int, elements: dict[str, object], syntax: str) -> Encode:
    def encode(grey: np.ndarray) -> bytes:
        stored = grey.astype(np.uint8 if bits == 8 else np.uint16) * factor
        return rendered(new_dicom(stored, bits=bits, elements=elements, syntax=syntax))

    return encode


def signed_dicom(grey: np.ndarray) -> bytes:
    stored = grey.astype(np.int16) * 16 - 2048
    return rendered(new_dicom(stored, bits=12, elements=SIGNED_12))


def inverted_dicom(grey: np.ndarray) -> bytes:
    elements = WHOLE_12 | {"PhotometricInterpretation": "MONOCHROME1"}
    return rendered(new_dicom(4080 - grey.astype(np.uint16) * 16, bits=12, elements=elements))


def dicom_of(kind: type[np.integer], factor: int, bits: int, elements: dict[str, object]) -> Encode:
    return lambda grey: rendered(
        new_dicom(grey.astype(kind) * factor, bits=bits, elements=elements)
    )


def coloured(factor: int, encode: Callable[[np.ndarray], bytes], alpha: int | None) -> Encode:
    def encode_coloured(grey: np.ndarray) -> bytes:
        deep = grey.astype(np.uint16) * factor
        planes = [deep] * 3 if alpha is None else [*[deep] * 3, np.full_like(deep, alpha)]
        return encode(np.stack(planes, axis=-1))

    return encode_coloured


def raw_tiff(values: Encode, order: str, polarity: str) -> Encode:
    def encode(grey: np.ndarray) -> bytes:
        if polarity == "BlackIsZero":
            return new_raw_tiff(values(grey)[..., None], order=order)
        return new_raw_tiff(values(255 - grey)[..., None], order=order, photometric=0)

    return encode


def packed_tiff(grey: np.ndarray) -> bytes:
    """Write 12 bits per sample, two samples in three bytes; Pillow only reads them."""
    even, odd = grey[:, ::2].astype(int) << 4, grey[:, 1::2].astype(int) << 4
    packed = np.stack([even >> 4, (even & 15) << 4 | odd >> 8, odd & 255], axis=-1)
    pixels = packed.astype(np.uint8).tobytes()
    height, width = grey.shape
    tags = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1)]
    tags += [(278, height), (279, len(pixels))]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    end = struct.pack("<H", len(tags)) + directory + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + end


def rendered(file: bytes) -> bytes:
    return render(file, max_pixels=40_000_000).png


ENCODINGS: dict[str, Encode] = {
    "PNG, colour": converted("RGB", "PNG"),
    "PNG, palette": converted("P", "PNG"),
    "PNG, opaque alpha": converted("RGBA", "PNG"),
    **{f"PNG, {8 + bits} bits in 16": deep(1 << bits) for bits in (0, 2, 4, 6)},
    "PNG, 16 bits": deep(257),
    "TIFF": converted("L", "TIFF"),
    "TIFF, LZW": converted("L", "TIFF", compression="tiff_lzw"),
    "TIFF, Deflate, colour": converted("RGB", "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, PackBits": converted("L", "TIFF", compression="packbits"),
    "TIFF, 16 bits": deep(257, "TIFF"),
    "TIFF, 12 bits in 16, LZW": deep(16, "TIFF", compression="tiff_lzw"),
    "TIFF, 12 bits packed": packed_tiff,
    **{
        f"{kind}, {bits} bits in 16": coloured(factor, encode, alpha)
        for bits, factor in ((8, 1), (12, 16), (16, 257))
        for kind, encode, alpha in (
            ("PNG, colour", new_deep_png, None),
            ("PNG, colour and alpha", new_deep_png, 65_535),
            ("TIFF, colour", new_raw_tiff, None),
            ("TIFF, colour and alpha", new_raw_tiff, 65_535),
        )
    },
    "PNG, grey and alpha, 12 bits in 16": lambda grey: new_deep_png(
        np.stack([grey.astype(np.uint16) * 16, np.full(grey.shape, 65_535, np.uint16)], axis=-1)
    ),
    **{
        f"TIFF, {name}, {order}, {polarity}": raw_tiff(values, order, polarity)
        for name, values in {
            "12 bits in 16": lambda grey: grey.astype(np.uint16) * 16,
            "12 bits with a sign": lambda grey: grey.astype(np.int16) * 16 - 2048,
            "32 bits": lambda grey: grey.astype(np.uint32) * 16_843_009,
            "32 bits with a sign": lambda grey: (grey.astype(np.int32) - 128) * 9_999,
            "fractions": lambda grey: grey.astype(np.float32) / 255,
        }.items()
        for order in ("<", ">")[: 1 if name == "32 bits" else 2]
        for polarity in ("BlackIsZero", "WhiteIsZero")
    },
    "TIFF, WhiteIsZero": negative(np.uint8),
    "TIFF, WhiteIsZero, 16 bits": negative(np.uint16),
    "BMP": converted("L", "BMP"),
    "BMP, colour": converted("RGB", "BMP"),
    "GIF": converted("L", "GIF"),
    "WebP, lossless": converted("RGB", "WEBP", lossless=True),
    **{
        f"DICOM, 12 bits, {syntax.name}": dicom(16, 12, WHOLE_12, syntax)
        for syntax in (
            *(uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian),
            *(uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLossless),
            *(uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless),
        )
    },
    "DICOM, 8 bits": dicom(1, 8, WHOLE_8, uid.ExplicitVRLittleEndian),
    "DICOM, 12 bits, no window": dicom(16, 12, {}, uid.ExplicitVRLittleEndian),
    "DICOM, 16 bits, no window": dicom(257, 16, {}, uid.ExplicitVRLittleEndian),
    "DICOM, window for 8 bits": dicom(16, 12, WHOLE_8, uid.ExplicitVRLittleEndian),
    "DICOM, 12 bits with a sign": signed_dicom,
    "DICOM, MONOCHROME1": inverted_dicom,
    "DICOM, 8 bits in 16": dicom_of(np.uint16, 1, 8, WHOLE_8),
    "DICOM, 10 bits": dicom_of(np.uint16, 4, 10, {"WindowCenter": 510.5, "WindowWidth": 1021}),
    "DICOM, 14 bits": dicom_of(np.uint16, 64, 14, {}),
    "DICOM, VOI LUT": dicom_of(np.uint16, 16, 12, {"VOILUTSequence": new_lut(RAMP, 0, 12)}),
    "DICOM, modality LUT": dicom_of(
        np.uint16, 16, 12, WHOLE_12 | {"ModalityLUTSequence": new_lut(RAMP, 0, 12)}
    ),
    "DICOM, rescaled": dicom_of(
        np.uint16,
        16,
        12,
        {"RescaleSlope": 2, "RescaleIntercept": -99, "WindowCenter": 3981.5, "WindowWidth": 8161},
    ),
}

NEAR: dict[str, Encode] = {
    "JPEG": converted("L", "JPEG", quality=95),
    "JPEG, progressive": converted("L", "JPEG", quality=95, progressive=True),
    "JPEG, colour": converted("RGB", "JPEG", quality=95, subsampling=0),
    "JPEG, CMYK": converted("CMYK", "JPEG", quality=95),
    "WebP, lossy": converted("RGB", "WEBP", quality=95),
    **{
        f"DICOM, {bits} bits, {syntax.name}": dicom(factor, bits, window, syntax)
        for bits, factor, window, syntax in (
            (8, 1, WHOLE_8, uid.JPEGBaseline8Bit),
            (8, 1, WHOLE_8, uid.JPEGExtended12Bit),
            (12, 16, WHOLE_12, uid.JPEGExtended12Bit),
            (12, 16, WHOLE_12, uid.JPEGLSNearLossless),
            (12, 16, WHOLE_12, uid.JPEG2000),
        )
    },
}
"""Encodings with a loss that nobody sees."""
NEAR_TOLERANCE = 0.03


@pytest.fixture(scope="module")
def engine():
    return OpenVinoLoader(threads=1, threads_alone=1, max_batch=1).load(
        ROOT / "models" / "baseline"
    )


@cache
def grey_of(sample: Path) -> np.ndarray:
    return np.asarray(Image.open(sample).convert("L"))


def probabilities(engine, data: bytes) -> np.ndarray:
    pixels = preprocess(data, engine.manifest.preprocessing)
    return calibrate(engine.predict(pixels[None]).logits[0], engine.manifest.calibration)


def find_far(engine, sample: Path, encodings: dict[str, Encode], tolerance: float):
    grey = grey_of(sample)
    plain = probabilities(engine, encoded(grey))
    off = {
        name: round(float(np.abs(probabilities(engine, encode(grey)) - plain).max()), 4)
        for name, encode in encodings.items()
    }
    return {name: far for name, far in off.items() if far > tolerance}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_lossless_encoding_gives_the_same_answer(engine, sample):
    assert find_far(engine, sample, ENCODINGS, TOLERANCE) == {}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_encoding_with_a_small_loss_gives_nearly_the_same_answer(engine, sample):
    assert find_far(engine, sample, NEAR, NEAR_TOLERANCE) == {}
