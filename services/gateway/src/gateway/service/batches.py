"""The story of several images in one request: each is a prediction of its own, all or none."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from gateway.core.admission import Refuse
from gateway.core.open_inference import Pixels
from gateway.core.tensors import TensorError
from gateway.service.predictions import Answered, DeadlineExceededError, PredictionService
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import Expired, Failed, Succeeded
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError
from shared.preprocessing import ImageError, check_header

Why = (
    Refuse | Failed | Expired | DeadlineExceededError | BrokerUnavailableError | RecordRefusedError
)

_MODES = {1: "L", 3: "RGB"}
_FAST = 1
"""Deflate's level: Kafka is near, and time is short."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """As it travels on Kafka."""

    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Classified:
    """answered: as the service gave it; outcome: its own, which is an answer."""

    answered: Answered
    outcome: Succeeded


class ImageFailedError(Exception):
    """One image has no answer, so the request has none. index: its place, from 0."""

    def __init__(self, index: int, why: Why) -> None:
        super().__init__(index)
        self.index = index
        self.why = why


def encode_all(images: Sequence[bytes | Pixels], *, max_bytes: int) -> tuple[EncodedImage, ...]:
    """Give every image the form that travels, and look at its header. Blocking.

    Raises TensorError with the index of the first that cannot be taken: TOO_LARGE, EMPTY_FILE,
    UNSUPPORTED_MEDIA_TYPE, UNDECODABLE, TOO_MANY_PIXELS.
    """
    return tuple(_encode(index, image, max_bytes) for index, image in enumerate(images))


async def predict_all(
    service: PredictionService,
    images: Sequence[EncodedImage],
    wait_s: float,
    traceparent: str | None,
) -> list[Classified]:
    """Have all images classified at once, within one deadline; answers are in their order.

    Raises ImageFailedError as soon as one has failed; the others are waited for no longer.
    """

    async def classify(index: int, image: EncodedImage) -> Classified:
        try:
            answered = await service.predict(image.data, image.content_type, wait_s, traceparent)
        except (DeadlineExceededError, BrokerUnavailableError, RecordRefusedError) as error:
            raise ImageFailedError(index, error) from error
        if isinstance(answered, Refuse):
            raise ImageFailedError(index, answered)
        if not isinstance(answered.outcome, Succeeded):
            raise ImageFailedError(index, answered.outcome)
        return Classified(answered, answered.outcome)

    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(classify(*each)) for each in enumerate(images)]
    except ExceptionGroup as group:
        failed = [error for error in group.exceptions if isinstance(error, ImageFailedError)]
        if len(failed) < len(group.exceptions):
            raise
        raise min(failed, key=lambda error: error.index) from group
    return [task.result() for task in running]


def _encode(index: int, image: bytes | Pixels, max_bytes: int) -> EncodedImage:
    if isinstance(image, Pixels):
        encoded = EncodedImage(_to_png(image), "image/png")
    else:
        encoded = EncodedImage(image, "application/octet-stream")
    if len(encoded.data) > max_bytes:
        detail = f"The image is larger than {max_bytes // (1024 * 1024)} MiB."
        raise TensorError(ErrorCode.TOO_LARGE, detail, index=index)
    try:
        check_header(encoded.data)
    except ImageError as error:
        raise TensorError(error.code, error.detail, index=index) from error
    return encoded


def _to_png(pixels: Pixels) -> bytes:
    size = (pixels.width, pixels.height)
    image = Image.frombytes(_MODES[pixels.channels], size, pixels.data)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=_FAST)
    return buffer.getvalue()
