"""The headers of one part of a multipart form, bounded."""

from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header

from gateway.http.problems import ProblemError
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import bounded_content_type

MAX_PART_HEADER_BYTES = 8 * 1024
MAX_FILE_NAME_CHARS = 255


@dataclass(slots=True)
class PartHeaders:
    """Collects the headers of a part while the parser calls back."""

    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _seen_bytes: int = 0

    def clear(self) -> None:
        """Begin the next part."""
        self._headers = {}
        self._seen_bytes = 0

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Take in a piece of a name. Raises ProblemError."""
        self._name += data[start:end]
        self._count(end - start)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Take in a piece of a value. Raises ProblemError."""
        self._value += data[start:end]
        self._count(end - start)

    def on_header_end(self) -> None:
        """Take in that a header is whole."""
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    @property
    def disposition(self) -> dict[bytes, bytes]:
        """`name` and `filename`, as far as they are there."""
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        return options

    @property
    def content_type(self) -> str:
        """What the client says it is, bounded."""
        kind = self._headers.get(b"content-type", b"application/octet-stream")
        return bounded_content_type(kind.decode("latin-1"))

    def _count(self, size_bytes: int) -> None:
        self._seen_bytes += size_bytes
        if self._seen_bytes > MAX_PART_HEADER_BYTES:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "A part's header is too long.")


def file_name_of(disposition: dict[bytes, bytes]) -> str | None:
    """Give the name that the client gave its file: for its own answer only, never a path."""
    name = disposition.get(b"filename", b"").decode("utf-8", "replace")
    return name[:MAX_FILE_NAME_CHARS] or None
