import io

import numpy as np
import pytest
from PIL import Image

from shared.deep_grey import new_deep_scale
from shared.testing.deep_images import new_deep_png
from shared.testing.images import new_jpeg, new_png
from ui.core.pictures import SHOWN_PX, Unseen, as_jpeg, lay_over, read_picture


def encoded(image: Image.Image, kind: str, **more) -> bytes:
    body = io.BytesIO()
    image.save(body, kind, **more)
    return body.getvalue()


def red(*, size_px=(4, 4)) -> bytes:
    return encoded(Image.new("RGBA", size_px, (255, 0, 0, 128)), "PNG")


def test_a_large_picture_is_shown_small_and_grey():
    shown = read_picture(new_jpeg(size_px=2000))
    assert shown.size == (SHOWN_PX, SHOWN_PX)
    assert shown.mode == "RGB"
    red_, green, blue = np.asarray(shown).transpose(2, 0, 1)
    assert (red_ == green).all()
    assert (green == blue).all()


def test_sixteen_bits_and_clear_pixels_are_seen_as_the_model_sees_them():
    deep = Image.fromarray(np.full((8, 8), 65535, dtype=np.uint16))
    assert np.asarray(read_picture(encoded(deep, "PNG"))).min() == 255
    clear = Image.new("LA", (8, 8), (255, 0))
    assert np.asarray(read_picture(encoded(clear, "PNG"))).max() == 0


def _deep(low, high, *extremes):
    values = np.linspace(low, high, 4096).round().astype(np.uint16).reshape(64, 64)
    values.ravel()[: len(extremes)] = extremes
    return Image.fromarray(values)


def _fractions(low, high, *extremes):
    values = np.linspace(low, high, 4096, dtype=np.float32).reshape(64, 64)
    values.ravel()[: len(extremes)] = extremes
    return Image.fromarray(values)


@pytest.mark.parametrize(
    "image",
    [
        _deep(0, 4095),
        _deep(100, 16_000),
        _deep(0, 65_535),
        _deep(1000, 3000, 65_535, 0),
        _deep(7, 7),
        Image.new("I", (64, 64), 70_000),
        _fractions(0, 1),
        _fractions(-1000, 500),
        _fractions(0, 1, 1e6),
        _fractions(0, 1, np.nan),
    ],
    ids=[
        *("12 bits", "14 bits", "16 bits", "a dead pixel", "blank", "beyond 16 bits"),
        *("fractions", "below 0", "a dead fraction", "not a number"),
    ],
)
def test_deep_grey_is_spread_as_the_workers_spread_it(image):
    values = np.asarray(image)
    wanted = new_deep_scale(lambda: [values], is_inverse=False).to_grey(values)
    shown = read_picture(encoded(image, "TIFF")).convert("L")
    difference = np.asarray(shown, dtype=int) - np.asarray(wanted, dtype=int)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("factor", [16, 257])
def test_colour_of_sixteen_bits_is_spread_in_the_levels_that_pillow_keeps(factor):
    ramp = np.tile(np.arange(256, dtype=np.uint16)[:, None] * 4096 // 256 * factor, 64)
    wanted = new_deep_scale(lambda: [ramp], is_inverse=False).to_grey(ramp)
    body = new_deep_png(np.stack([ramp] * 3, axis=-1))
    shown = read_picture(body).convert("L")
    difference = np.asarray(shown, dtype=int) - np.asarray(wanted, dtype=int)
    assert np.abs(difference).max() <= 256 // 16


def test_a_turned_picture_stands_upright_so_that_the_map_fits():
    exif = Image.Exif()
    exif[0x0112] = 6
    body = encoded(Image.new("L", (40, 20)), "JPEG", exif=exif)
    assert read_picture(body).size == (20, 40)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cannot be drawn"),
        (b"no image", "cannot be drawn"),
        (new_jpeg()[:300], "cannot be drawn"),
        (new_png((8000, 8000), mode="1"), "too many pixels"),
        (b"\0" * 128 + b"DICM" + b"\0" * 40, "sent no image"),
    ],
)
def test_what_cannot_be_shown_is_said_in_words(body, words):
    seen = read_picture(body)
    assert isinstance(seen, Unseen)
    assert words in seen.reason


def test_the_sliders_ends_are_the_picture_alone_and_the_map_as_it_came():
    grey = Image.new("RGB", (40, 20), (100, 100, 100))
    none = np.asarray(lay_over(grey, red(), opacity=0.0))
    assert (none == 100).all()
    full = np.asarray(lay_over(grey, red(), opacity=1.0))
    assert full.shape == (20, 40, 3)
    assert (abs(full[10, 20].astype(int) - [178, 50, 50]) <= 1).all()
    half = np.asarray(lay_over(grey, red(), opacity=0.5))
    assert 100 < half[10, 20, 0] < full[10, 20, 0]


def test_a_map_without_a_picture_keeps_its_shape_and_a_broken_one_is_said():
    alone = lay_over(None, red(size_px=(8, 4)), opacity=1.0)
    assert alone.width == 2 * alone.height
    assert as_jpeg(alone).startswith(b"\xff\xd8")
    assert isinstance(lay_over(None, b"no map", opacity=1.0), Unseen)
