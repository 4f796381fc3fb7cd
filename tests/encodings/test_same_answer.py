"""One image gives one answer, in every encoding that holds it without loss."""

import io
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
from shared.testing.dicom import new_dicom

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))
TOLERANCE = 0.01
WHOLE_8 = {"WindowCenter": 128, "WindowWidth": 256}
WHOLE_12 = {"WindowCenter": 2040.5, "WindowWidth": 4081}
SIGNED_12 = {"WindowCenter": -7.5, "WindowWidth": 4081}

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
}


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


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_lossless_encoding_gives_the_same_answer(engine, sample):
    grey = grey_of(sample)
    plain = probabilities(engine, encoded(grey))
    off = {
        name: round(float(np.abs(probabilities(engine, encode(grey)) - plain).max()), 4)
        for name, encode in ENCODINGS.items()
    }
    assert {name: far for name, far in off.items() if far > TOLERANCE} == {}
