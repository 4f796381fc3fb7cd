"""The image out of a request body, read as it streams in, bounded from the first byte."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from gateway.http.problems import ProblemError
from shared.contracts.errors import ErrorCode
from shared.preprocessing import ImageError, open_header

FIELD = "file"
MAX_PARTS = 16
MAX_PART_HEADER_BYTES = 8 * 1024
MAX_FILE_NAME_CHARS = 255
_FRAME_BYTES = 64 * 1024
_DRAIN_BYTES = 64 * 1024 * 1024


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
        open_header(upload.data)
    except ImageError as error:
        raise ProblemError(error.code, error.detail) from error
    return upload


def _too_large(max_bytes: int) -> ProblemError:
    limit = max_bytes // (1024 * 1024)
    return ProblemError(ErrorCode.TOO_LARGE, f"The image is larger than {limit} MiB.")


async def _read_body(request: Request, content_type: str, max_bytes: int) -> Upload:
    data = bytearray()
    async for chunk in _bounded(request, max_bytes):
        data += chunk
    return Upload(bytes(data), content_type, None)


async def _bounded(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body's chunks; past the limit read on without keeping, then refuse.

    A client that is still sending does not listen: it is heard out, within reason, so that it can
    read the answer instead of a broken connection.
    """
    seen = 0
    try:
        async for chunk in request.stream():
            seen += len(chunk)
            if seen <= max_bytes:
                yield chunk
            elif seen > _DRAIN_BYTES:
                break
    except ClientDisconnect as error:
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The body ended early.") from error
    if seen > max_bytes:
        raise _too_large(max_bytes)


@dataclass
class _Form:
    """Collects the one part that is wanted while the parser calls back."""

    data: bytearray = field(default_factory=bytearray)
    content_type: str = "application/octet-stream"
    filename: str | None = None
    found: bool = False
    finished: bool = False
    parts: int = 0
    _wanted: bool = False
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _headers: dict[bytes, bytes] = field(default_factory=dict)

    def on_part_begin(self) -> None:
        self.parts += 1
        self._headers = {}
        if self.parts > MAX_PARTS:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The form has too many parts.")

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check_header_size()

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header_size()

    def on_header_end(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._wanted = options.get(b"name") == FIELD.encode() and not self.found
        if self._wanted:
            self.found = True
            name = options.get(b"filename", b"").decode("utf-8", "replace")
            self.filename = name[:MAX_FILE_NAME_CHARS] or None
            kind = self._headers.get(b"content-type", b"application/octet-stream")
            self.content_type = kind.decode("latin-1")[:MAX_FILE_NAME_CHARS]

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self.data += data[start:end]

    def on_end(self) -> None:
        self.finished = True

    def _check_header_size(self) -> None:
        if len(self._name) + len(self._value) > MAX_PART_HEADER_BYTES:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "A part's header is too long.")


async def _read_multipart(request: Request, boundary: bytes, max_bytes: int) -> Upload:
    form = _Form()
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": form.on_part_begin,
            "on_part_data": form.on_part_data,
            "on_header_field": form.on_header_field,
            "on_header_value": form.on_header_value,
            "on_header_end": form.on_header_end,
            "on_headers_finished": form.on_headers_finished,
            "on_end": form.on_end,
        },
    )
    try:
        async for chunk in _bounded(request, max_bytes + _FRAME_BYTES):
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
