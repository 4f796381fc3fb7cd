"""The use case of several images per request: one prediction per image, all or none."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from gateway.core.admission import Refusal
from gateway.core.dicom import Rendered, is_dicom
from gateway.core.faults import Fault
from gateway.core.open_inference import InferPixels
from gateway.core.tensors import TensorError
from gateway.ports import DecoderBusyError, DicomRenderer
from gateway.service.predictions import Answered, OutcomeTimeoutError, PredictionService
from shared.contracts.errors import ErrorCode
from shared.contracts.predict import Expired, Failed, Succeeded
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError
from shared.preprocessing import ImageError, check_header

Why = Refusal | Failed | Expired | OutcomeTimeoutError | BrokerUnavailableError | RecordRefusedError

_MODES = {1: "L", 3: "RGB"}
_FAST = 1
"""Deflate's level: Kafka is near, and time is short."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as it is published. warnings: from the metadata of its DICOM file."""

    data: bytes
    content_type: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Classified:
    """answered: the service's result; outcome: its outcome, a success."""

    answered: Answered
    outcome: Succeeded


class ImageFailedError(Exception):
    """One image failed, so the whole request fails. index: its position, from 0."""

    def __init__(self, index: int, why: Why) -> None:
        super().__init__(index)
        self.index = index
        self.why = why


@dataclass(frozen=True, slots=True)
class DicomLimits:
    """max_bytes: of one file. max_png_bytes: of all images made from one request's files."""

    max_bytes: int
    max_png_bytes: int


async def render_all(
    renderer: DicomRenderer,
    images: Sequence[bytes | InferPixels],
    limits: DicomLimits,
    wait_s: float,
) -> list[bytes | InferPixels | Rendered]:
    """Render the DICOM files among the images, one after the other; the others stay as they are.

    wait_s: for all of them together. Raises TensorError: TOO_LARGE, UNSUPPORTED_DICOM, UNDECODABLE,
    TOO_MANY_PIXELS, OVERLOADED.
    """
    rendered: list[bytes | InferPixels | Rendered] = []
    try:
        async with asyncio.timeout(wait_s):
            for index, image in enumerate(images):
                if isinstance(image, InferPixels) or not is_dicom(image):
                    rendered.append(image)
                    continue
                found = await _render(renderer, index, image, limits.max_bytes, wait_s)
                rendered.append(found)
                _refuse_too_much(index, rendered, limits.max_png_bytes)
    except TimeoutError as error:
        detail = "The DICOM files could not be decoded in time. Send fewer, or wait longer."
        raise TensorError(ErrorCode.OVERLOADED, detail, index=len(rendered)) from error
    return rendered


def encode_all(
    images: Sequence[bytes | InferPixels | Rendered], *, max_bytes: int
) -> tuple[EncodedImage, ...]:
    """Encode every image for publishing, and check its header. Blocking.

    Raises TensorError with the index of the first invalid image: TOO_LARGE, EMPTY_FILE,
    UNSUPPORTED_MEDIA_TYPE, UNDECODABLE, TOO_MANY_PIXELS.
    """
    return tuple(_encode(index, image, max_bytes) for index, image in enumerate(images))


async def predict_all(
    service: PredictionService,
    images: Sequence[EncodedImage],
    wait_s: float,
    traceparent: str | None,
) -> list[Classified]:
    """Classify all images concurrently, within one deadline; results are in their order.

    Raises ImageFailedError as soon as one fails, without waiting for the others.
    """

    async def classify(index: int, image: EncodedImage) -> Classified:
        try:
            answered = await service.predict(
                image.data, image.content_type, wait_s, traceparent, warnings=image.warnings
            )
        except (OutcomeTimeoutError, BrokerUnavailableError, RecordRefusedError) as error:
            raise ImageFailedError(index, error) from error
        if isinstance(answered, Refusal):
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


async def _render(
    renderer: DicomRenderer, index: int, content: bytes, max_bytes: int, wait_s: float
) -> Rendered:
    if len(content) > max_bytes:
        detail = f"The DICOM file is larger than {max_bytes // (1024 * 1024)} MiB."
        raise TensorError(ErrorCode.TOO_LARGE, detail, index=index)
    try:
        found = await renderer.render(content, wait_s=wait_s)
    except DecoderBusyError as error:
        detail = "Too many DICOM files are waiting to be decoded."
        raise TensorError(ErrorCode.OVERLOADED, detail, index=index) from error
    if isinstance(found, Fault):
        raise TensorError(found.code, found.detail, index=index)
    return found


def _refuse_too_much(
    index: int, images: Sequence[bytes | InferPixels | Rendered], max_png_bytes: int
) -> None:
    # A small file may contain a large image, so the request's size is no bound.
    if sum(len(each.png) for each in images if isinstance(each, Rendered)) > max_png_bytes:
        limit = max_png_bytes // (1024 * 1024)
        detail = f"The images of the DICOM files exceed {limit} MiB together. Send fewer."
        raise TensorError(ErrorCode.TOO_LARGE, detail, index=index)


def _encode(index: int, image: bytes | InferPixels | Rendered, max_bytes: int) -> EncodedImage:
    if isinstance(image, InferPixels):
        encoded = EncodedImage(_to_png(image), "image/png")
    elif isinstance(image, Rendered):
        encoded = EncodedImage(image.png, "image/png", image.warnings)
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


def _to_png(pixels: InferPixels) -> bytes:
    size = (pixels.width, pixels.height)
    image = Image.frombytes(_MODES[pixels.channels], size, pixels.data)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=_FAST)
    return buffer.getvalue()
