"""The headers of one part of a multipart form, bounded."""

from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header

from gateway.http.formats.file_names import read_file_name
from gateway.http.formats.problems import ProblemError
from shared.contracts.errors import ErrorCode
from shared.contracts.headers import bounded_content_type

MAX_PART_HEADER_BYTES = 8 * 1024
_MAX_QUOTED_CHARS = 40
_AS_IT_IS = frozenset(("", "7bit", "8bit", "binary"))


@dataclass(slots=True)
class PartHeaders:
    """Collects the headers of one part."""

    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _seen_bytes: int = 0
    _options: dict[bytes, bytes] | None = None

    def clear(self) -> None:
        """Reset for the next part."""
        self._headers = {}
        self._seen_bytes = 0
        self._options = None

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Add a piece of a header's name. Raises ProblemError."""
        self._name += data[start:end]
        self._count(end - start)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Add a piece of a header's value. Raises ProblemError."""
        self._value += data[start:end]
        self._count(end - start)

    def on_header_end(self) -> None:
        """Store the complete header."""
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    @property
    def field_name(self) -> str:
        """Return the name of the part's form field."""
        return self._disposition.get(b"name", b"").decode("utf-8", "replace")

    @property
    def is_file(self) -> bool:
        """Whether the part has a file name, even an empty one."""
        return b"filename" in self._disposition or self.file_name is not None

    @property
    def file_name(self) -> str | None:
        """Return the name of the file, see `read_file_name`."""
        header = self._headers.get(b"content-disposition", b"")
        return read_file_name(self._disposition.get(b"filename", b""), header)

    def refuse_transfer_encoding(self) -> None:
        """Raise ProblemError, UNSUPPORTED_MEDIA_TYPE, if the part's bytes are encoded."""
        encoding = self._headers.get(b"content-transfer-encoding", b"").decode("latin-1")
        if encoding.strip().lower() not in _AS_IT_IS:
            detail = (
                f"A part has Content-Transfer-Encoding {encoding[:_MAX_QUOTED_CHARS]!r}, which "
                "forms do not use (RFC 7578, 4.7). Send its bytes without encoding."
            )
            raise ProblemError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, detail)

    @property
    def content_type(self) -> str:
        """The Content-Type of the part, bounded."""
        kind = self._headers.get(b"content-type", b"application/octet-stream")
        return bounded_content_type(kind.decode("latin-1"))

    @property
    def _disposition(self) -> dict[bytes, bytes]:
        if self._options is None:
            header = self._headers.get(b"content-disposition", b"")
            _, self._options = parse_options_header(header)
        return self._options

    def _count(self, size_bytes: int) -> None:
        self._seen_bytes += size_bytes
        if self._seen_bytes > MAX_PART_HEADER_BYTES:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "A part's header is too long.")
