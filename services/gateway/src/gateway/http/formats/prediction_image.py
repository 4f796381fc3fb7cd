"""The image of a prediction request, as it is published to Kafka: DICOM files are rendered."""

from starlette.requests import Request

from gateway.core.dicom import is_dicom
from gateway.core.faults import Fault
from gateway.http.formats.image_body import ImageUpload, read_image_body
from gateway.http.formats.problems import ProblemError
from gateway.http.limits import HttpLimits
from gateway.ports import DecoderBusyError, DicomRenderer
from shared.contracts.errors import ErrorCode
from shared.image_headers.other_types import find_other_type
from shared.preprocessing import ImageError, check_header

_PNG = "image/png"


async def read_prediction_image(
    request: Request, limits: HttpLimits, renderer: DicomRenderer, wait_s: float
) -> ImageUpload:
    """Read an image as `read_image_body` does, and render a DICOM file.

    wait_s: maximum time to wait for a decoder. Raises ProblemError: OVERLOADED if none was free.
    """
    upload = await read_image_body(request, limits)
    if not upload.is_dicom:
        return upload
    if not is_dicom(upload.data):
        other = find_other_type(upload.data)
        named = "" if other is None else f" It is {other}."
        detail = f"The file does not begin like a DICOM file.{named}"
        raise ProblemError(ErrorCode.UNDECODABLE, detail)
    try:
        rendered = await renderer.render(upload.data, wait_s=wait_s)
    except DecoderBusyError as error:
        detail = "Too many DICOM files are waiting to be decoded."
        raise ProblemError(ErrorCode.OVERLOADED, detail) from error
    if isinstance(rendered, Fault):
        raise ProblemError(rendered.code, rendered.detail)
    try:
        # The decoder's output is checked like a client's.
        check_header(rendered.png)
    except ImageError as error:
        raise ProblemError(error.code, error.detail) from error
    return ImageUpload(rendered.png, _PNG, upload.filename, rendered.warnings, is_rendered=True)
