"""The image of a request body, read as it streams in, bounded from the first byte."""

from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from gateway.core.dicom import HEAD_BYTES, MEDIA_TYPE, is_dicom
from gateway.http.formats.multipart import MultipartFormParser
from gateway.http.formats.part_headers import PartHeaders
from gateway.http.formats.problems import ProblemError
from gateway.http.formats.request_bodies import bounded_chunks
from gateway.http.limits import HttpLimits
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import MAX_CONTENT_TYPE_BYTES
from shared.preprocessing import ImageError, check_header

FIELD = "file"
MAX_PARTS = 16
_ONE_FILE = "Send one file per request."
_FRAME_BYTES = 64 * 1024
_BARE = (b"application/octet-stream", MEDIA_TYPE.encode())


@dataclass(frozen=True, slots=True)
class ImageUpload:
    """filename: the client's, for its own response only; never a path, never logged.

    warnings: from the metadata of a DICOM file. is_rendered: data was rendered from a DICOM file.
    """

    data: bytes
    content_type: str
    filename: str | None
    warnings: tuple[str, ...] = ()
    is_rendered: bool = False

    @property
    def is_dicom(self) -> bool:
        """Whether its media type or its first bytes are those of DICOM."""
        return _kind_of(self.content_type) == MEDIA_TYPE or is_dicom(self.data)


async def read_image_body(request: Request, limits: HttpLimits) -> ImageUpload:
    """Read a multipart field `file`, or a bare body of type image/* or application/dicom.

    The header of an image is checked; a DICOM file is returned as it is, to be rendered.
    Raises ProblemError: TOO_LARGE, MALFORMED_REQUEST, MISSING_FIELD, EMPTY_FILE,
    UNSUPPORTED_MEDIA_TYPE, UNDECODABLE, TOO_MANY_PIXELS.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"multipart/form-data":
        boundary = options.get(b"boundary")
        if not boundary:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The multipart boundary is missing.")
        upload = await _read_multipart(request, boundary, limits)
    elif kind.startswith(b"image/") or kind in _BARE:
        upload = await _read_body(request, _bounded(kind.decode("latin-1")), limits)
    else:
        raise ProblemError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            f"Send multipart/form-data with a field '{FIELD}', or an image/* or {MEDIA_TYPE} body.",
        )
    try:
        if upload.is_dicom and upload.data:
            return upload
        check_header(upload.data)
    except ImageError as error:
        raise ProblemError(error.code, error.detail) from error
    return upload


def _bounded(content_type: str) -> str:
    # It is published with the image in a record of bounded size.
    if len(content_type.encode()) > MAX_CONTENT_TYPE_BYTES:
        raise ProblemError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            f"The media type is longer than {MAX_CONTENT_TYPE_BYTES} bytes.",
        )
    return content_type


def _kind_of(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def too_large(max_bytes: int) -> ProblemError:
    """Return the error for an image over the limit."""
    limit = max_bytes // (1024 * 1024)
    return ProblemError(ErrorCode.TOO_LARGE, f"The image is larger than {limit} MiB.")


@dataclass(slots=True)
class _BoundedFile:
    """The bytes of one file, kept while they are within the limit of its kind."""

    limits: HttpLimits
    content_type: str = "application/octet-stream"
    data: bytearray = field(default_factory=bytearray)
    size_bytes: int = 0
    _head: bytes = b""

    def add(self, chunk: bytes) -> None:
        """Add the next bytes; a file over the limit is discarded."""
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        self.size_bytes += len(chunk)
        if self.size_bytes > self.max_bytes:
            self.data = bytearray()
        else:
            self.data += chunk

    @property
    def max_bytes(self) -> int:
        """The limit of its kind, as far as the kind is known."""
        dicom = _kind_of(self.content_type) == MEDIA_TYPE or is_dicom(self._head)
        return self.limits.max_dicom_bytes if dicom else self.limits.max_image_bytes

    def upload(self, filename: str | None) -> ImageUpload:
        """Return the file. Raises ProblemError: TOO_LARGE."""
        if self.size_bytes > self.max_bytes:
            raise too_large(self.max_bytes)
        return ImageUpload(bytes(self.data), self.content_type, filename)


async def _read_body(request: Request, content_type: str, limits: HttpLimits) -> ImageUpload:
    file = _BoundedFile(limits, content_type)
    max_bytes = limits.body_bytes(content_type)
    async for chunk in bounded_chunks(request, max_bytes, too_large(max_bytes)):
        file.add(chunk)
    return file.upload(None)


@dataclass
class _ImageForm:
    """The sink of a prediction form: collects the one file."""

    file: _BoundedFile
    filename: str | None = None
    found: bool = False
    files: int = 0
    parts: int = 0
    headers: PartHeaders = field(default_factory=PartHeaders)
    _wanted: bool = False

    def on_part_begin(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The form has too many parts.")

    def on_headers_finished(self) -> None:
        self._wanted = self.headers.field_name == FIELD
        self.files += self.headers.is_file
        if self.files > 1:
            detail = f"The form has more than one file. {_ONE_FILE}"
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, detail)
        if self._wanted:
            self.found = True
            self.filename = self.headers.file_name
            self.file.content_type = self.headers.content_type

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self.file.add(data[start:end])

    def on_part_end(self) -> None:
        self._wanted = False


async def _read_multipart(request: Request, boundary: bytes, limits: HttpLimits) -> ImageUpload:
    form = _ImageForm(_BoundedFile(limits))
    max_bytes = limits.body_bytes("multipart/form-data")
    parser = MultipartFormParser(boundary, form, {FIELD: _ONE_FILE})
    async for chunk in bounded_chunks(request, max_bytes + _FRAME_BYTES, too_large(max_bytes)):
        parser.write(chunk)
    parser.finish()
    if not form.found:
        raise ProblemError(ErrorCode.MISSING_FIELD, f"The form has no field '{FIELD}'.")
    return form.file.upload(form.filename)
