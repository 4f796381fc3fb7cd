"""Which images of 16 bits per colour are decoded twice."""

import io

import pytest
from PIL import Image

from shared.deep_colour import MAX_TWICE_DECODED_PIXELS, has_deep_colour
from shared.testing.hostile_images import new_blank_png


@pytest.mark.parametrize(
    ("mode", "side_px", "expected"),
    [
        ("RGB;16", 2_828, True),
        ("RGBA;16", 2_828, True),
        ("RGB;16", 2_829, False),
        ("RGBA;16", 2_829, False),
        ("RGB", 64, False),
        ("I;16", 64, False),
    ],
)
def test_only_images_whose_second_decoding_is_affordable_are_deep(mode, side_px, expected):
    assert 2_828**2 <= MAX_TWICE_DECODED_PIXELS < 2_829**2
    assert has_deep_colour(Image.open(io.BytesIO(new_blank_png(mode, side_px)))) is expected
