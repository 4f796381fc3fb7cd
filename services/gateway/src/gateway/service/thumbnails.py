"""Thumbnails of stored images: grey, at the size of the model's input."""

import asyncio
from concurrent.futures import Executor

import simplejpeg

from gateway.ports import ImageStore
from shared.preprocessing import decode_grey

_SIZE_PX = 224
_QUALITY = 85
_AT_ONCE = 4
"""Maximum number of images in memory at once, of at most 8 MiB each."""


class Thumbnails:
    """Renders thumbnails. compute: decodes them, one at a time."""

    def __init__(self, images: ImageStore, compute: Executor) -> None:
        self._images = images
        self._compute = compute
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def render_thumbnail(self, sha256: str) -> bytes:
        """Return a grey JPEG of 224 × 224 pixels.

        Raises ControlRefusedError (no such image), RegistryUnavailableError, ImageError.
        """
        async with self._places:
            content = await self._images.image_bytes(sha256)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._compute, _thumbnail, content)


def _thumbnail(content: bytes) -> bytes:
    grey = decode_grey(content, _SIZE_PX)
    # A view of a decoder's buffer may be read-only and strided: the encoder wants its own.
    jpeg: bytes = simplejpeg.encode_jpeg(
        grey.copy()[:, :, None], quality=_QUALITY, colorspace="GRAY", colorsubsampling="Gray"
    )
    return jpeg
