"""Converted in bands, an image has the same pixels as converted whole."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from shared import grey_bands
from shared.deep_grey import new_deep_scale
from shared.preprocessing import decode_grey

SIZE_PX = 32
DEEP = ("I;16", "I;16B", "I;16L", "I", "F")
KINDS = [
    *[("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")],
    ("PNG", "P", {"transparency": bytes(range(0, 256, 1))}),
    ("PNG", "P", {"transparency": 7}),
    ("PNG", "L", {"transparency": 90}),
    ("PNG", "RGB", {"transparency": (9, 90, 200)}),
    *[("TIFF", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F")],
    *[("TIFF", mode, {"compression": "tiff_lzw"}) for mode in ("I;16", "RGBA", "CMYK")],
    ("GIF", "P", {"transparency": 3}),
    ("GIF", "L", {}),
    ("BMP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGB", {"quality": 80}),
    ("JPEG", "CMYK", {"quality": 90}),
]


def decoded_whole(data: bytes) -> np.ndarray:
    """Decode as it was done before there were bands: each step over the whole image."""
    image = Image.open(io.BytesIO(data))
    if image.format == "JPEG":
        image.draft("L", (SIZE_PX, SIZE_PX))
    image = ImageOps.exif_transpose(image)
    if image.mode in DEEP:
        values = np.asarray(image)
        image = new_deep_scale(lambda: [values], is_inverse=False).to_grey(values)
    rgba = image.convert("RGBA")
    if rgba.getextrema()[3] != (0, 0):
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    image = image.convert("L")
    if image.size != (SIZE_PX, SIZE_PX):
        image = image.resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR)
    return np.asarray(image)


def noise(mode: str, width: int, height: int, seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    if mode == "I;16":
        return Image.fromarray(random.integers(0, 65_536, (height, width), np.uint16))
    if mode in ("I", "F"):
        values = random.integers(0, 70_000, (height, width))
        return Image.fromarray(values.astype(np.int32 if mode == "I" else np.float32))
    if mode == "P":
        image = Image.fromarray(random.integers(0, 256, (height, width), np.uint8)).convert("P")
        image.putpalette(random.integers(0, 256, 768, np.uint8).tobytes())
        return image
    bands = {"1": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    planes = [
        Image.fromarray(random.integers(0, 256, (height, width), np.uint8)) for _ in range(bands)
    ]
    return planes[0].convert(mode) if bands == 1 else Image.merge(mode, planes)


def encoded(image: Image.Image, kind: str, orientation: int, **options: object) -> bytes:
    if orientation and kind not in {"GIF", "BMP"}:
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "mode", "options"), KINDS)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    orientation=st.integers(0, 8),
    seed=st.integers(0, 1_000),
    band=st.integers(1, 2_000),
)
@settings(max_examples=6, deadline=None)
def test_bands_change_no_pixel(kind, mode, options, width, height, orientation, seed, band):
    data = encoded(noise(mode, width, height, seed), kind, orientation, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grey_bands, "_BAND_PIXELS", band)
        actual = decode_grey(data, SIZE_PX)
    assert np.array_equal(actual, decoded_whole(data))
