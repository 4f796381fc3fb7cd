"""Images for tests: made here, nobody's radiograph."""

import io

import numpy as np
from PIL import Image


def new_png(size_px: tuple[int, int], *, mode: str = "L") -> bytes:
    """A black PNG, width × height; mode as in Pillow: "1" packs many pixels into few bytes."""
    buffer = io.BytesIO()
    Image.new(mode, size_px).save(buffer, "PNG")
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
