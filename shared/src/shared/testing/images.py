"""Images for tests: made here, nobody's radiograph."""

import io
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance


def new_png(size_px: tuple[int, int], *, mode: str = "L") -> bytes:
    """A PNG, width × height: a ramp in mode L, else black; "1" packs many pixels into few bytes."""
    buffer = io.BytesIO()
    image = Image.linear_gradient("L").resize(size_px) if mode == "L" else Image.new(mode, size_px)
    image.save(buffer, "PNG")
    return buffer.getvalue()


def new_jpeg(*, size_px: int = 224, seed: int = 0) -> bytes:
    """A grey JPEG of soft blobs, different for each seed."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (8, 8), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((size_px, size_px), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def new_marked_jpeg(fault: str) -> bytes:
    """A good image whose JPEG comment asks a worker with faults for harm: crash, raise, …"""
    image, comment = new_jpeg(), f"pneumo-fault:{fault}".encode()
    return image[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + image[2:]


def new_variant(sample: Path, seed: int) -> bytes:
    """A composite a little turned, moved and lit, 256 px: another picture of the same class."""
    rng = random.Random(seed)  # noqa: S311  pictures, no secrets
    with Image.open(sample) as opened:
        picture = opened.convert("L").resize((256, 256))
    picture = picture.rotate(rng.uniform(-6, 6), translate=(rng.randint(-8, 8), rng.randint(-8, 8)))
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.85, 1.15))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
