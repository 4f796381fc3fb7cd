"""The image out of a request body, read as it streams in, bounded from the first byte."""

from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from gateway.http.bodies import bounded
from gateway.http.part_headers import PartHeaders, file_name_of
from gateway.http.problems import ProblemError
from shared.contracts.errors import ErrorCode
from shared.preprocessing import ImageError, check_header

FIELD = "file"
MAX_PARTS = 16
_FRAME_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """filename: as the client says, for its own answer only; never a path, never logged."""

    data: bytes
    content_type: str
    filename: str | None


async def read_image(request: Request, *, max_bytes: int) -> Upload:
    """Read a multipart field `file`, or a bare body of type image/*, and look at its header.

    Raises ProblemError: TOO_LARGE, MALFORMED_REQUEST, MISSING_FIELD, EMPTY_FILE,
    UNSUPPORTED_MEDIA_TYPE, UNDECODABLE, TOO_MANY_PIXELS.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"multipart/form-data":
        boundary = options.get(b"boundary")
        if not boundary:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The multipart boundary is missing.")
        upload = await _read_multipart(request, boundary, max_bytes)
    elif kind.startswith(b"image/") or kind == b"application/octet-stream":
        upload = await _read_body(request, kind.decode("latin-1"), max_bytes)
    else:
        raise ProblemError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            f"Send multipart/form-data with a field '{FIELD}', or an image/* body.",
        )
    try:
        check_header(upload.data)
    except ImageError as error:
        raise ProblemError(error.code, error.detail) from error
    return upload


def _too_large(max_bytes: int) -> ProblemError:
    limit = max_bytes // (1024 * 1024)
    return ProblemError(ErrorCode.TOO_LARGE, f"The image is larger than {limit} MiB.")


async def _read_body(request: Request, content_type: str, max_bytes: int) -> Upload:
    data = bytearray()
    async for chunk in bounded(request, max_bytes, _too_large(max_bytes)):
        data += chunk
    return Upload(bytes(data), content_type, None)


@dataclass
class _Form:
    """Collects the one part that is wanted while the parser calls back."""

    data: bytearray = field(default_factory=bytearray)
    content_type: str = "application/octet-stream"
    filename: str | None = None
    found: bool = False
    finished: bool = False
    parts: int = 0
    headers: PartHeaders = field(default_factory=PartHeaders)
    _wanted: bool = False

    def on_part_begin(self) -> None:
        self.parts += 1
        self.headers.clear()
        if self.parts > MAX_PARTS:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The form has too many parts.")

    def on_headers_finished(self) -> None:
        disposition = self.headers.disposition
        self._wanted = disposition.get(b"name") == FIELD.encode() and not self.found
        if self._wanted:
            self.found = True
            self.filename = file_name_of(disposition)
            self.content_type = self.headers.content_type

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self.data += data[start:end]

    def on_end(self) -> None:
        self.finished = True


async def _read_multipart(request: Request, boundary: bytes, max_bytes: int) -> Upload:
    form = _Form()
    too_large = _too_large(max_bytes)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.on_part_begin,
                "on_part_data": form.on_part_data,
                "on_header_field": form.headers.on_header_field,
                "on_header_value": form.headers.on_header_value,
                "on_header_end": form.headers.on_header_end,
                "on_headers_finished": form.on_headers_finished,
                "on_end": form.on_end,
            },
        )
        async for chunk in bounded(request, max_bytes + _FRAME_BYTES, too_large):
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The form cannot be read.") from error
    return _finished(form, max_bytes)


def _finished(form: _Form, max_bytes: int) -> Upload:
    if len(form.data) > max_bytes:
        raise _too_large(max_bytes)
    if not form.found:
        raise ProblemError(ErrorCode.MISSING_FIELD, f"The form has no field '{FIELD}'.")
    if not form.finished:
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The form ended early.")
    return Upload(bytes(form.data), form.content_type, form.filename)
