"""A small grey image of a DICOM file, for clients that cannot draw DICOM."""

import asyncio
import base64
import io
from collections.abc import Mapping

from PIL import Image

MAX_SIDE_PX = 512

CONTENT_TYPE = "image/png"


async def new_preview(png: bytes) -> Mapping[str, object] | None:
    """Return the preview of a rendered DICOM file as a JSON object; None if it cannot be made.

    It has the aspect of the image, at most MAX_SIDE_PX pixels on its longer side, and nothing of
    the file but its pixels.
    """
    try:
        return await asyncio.to_thread(_preview, png)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        # The worker answers for the image; a preview is an extra.
        return None


def _preview(png: bytes) -> Mapping[str, object]:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        grey = opened.convert("L")
    grey.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    # A new image: Pillow would write what the old one carries beside its pixels.
    bare = Image.frombytes("L", grey.size, grey.tobytes())
    buffer = io.BytesIO()
    bare.save(buffer, "PNG")
    return {
        "content_type": CONTENT_TYPE,
        "width": bare.width,
        "height": bare.height,
        "base64": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }
