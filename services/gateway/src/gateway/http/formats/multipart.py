"""The streaming parser of multipart forms, shared by predictions and uploads."""

from collections.abc import Mapping
from typing import Protocol

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError

from gateway.http.formats.part_headers import PartHeaders
from gateway.http.formats.problems import ProblemError
from shared.contracts.errors import ErrorCode

_MAX_PREAMBLE_BYTES = 8 * 1024
_NO_PART = "The form cannot be read: no part begins with the boundary that Content-Type names."


class PartSink(Protocol):
    """Receives the parts of a form while it is parsed."""

    headers: PartHeaders

    def on_part_begin(self) -> None:
        """A part begins; `headers` is empty."""

    def on_headers_finished(self) -> None:
        """The headers of the part are complete."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """The next bytes of the part are `data[start:end]`."""

    def on_part_end(self) -> None:
        """The part is complete."""


class MultipartFormParser:
    """Parses one form as it streams in.

    once: fields allowed at most once, each with the advice for a client that sends a second.
    Raises ProblemError: MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE; and what the sink raises.
    """

    def __init__(self, boundary: bytes, sink: PartSink, once: Mapping[str, str]) -> None:
        self._sink = sink
        self._once = once
        self._seen: set[str] = set()
        self._delimiter = b"--" + boundary
        self._preamble: bytearray | None = bytearray()
        self._is_finished = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_part_data": sink.on_part_data,
                    "on_part_end": sink.on_part_end,
                    "on_header_field": sink.headers.on_header_field,
                    "on_header_value": sink.headers.on_header_value,
                    "on_header_end": sink.headers.on_header_end,
                    "on_headers_finished": self._finish_headers,
                    "on_end": self._finish_form,
                },
            )
        except FormParserError as error:
            raise _unreadable() from error

    def write(self, chunk: bytes) -> None:
        """Parse the next bytes of the form."""
        if self._preamble is not None:
            chunk = self._skip_preamble(self._preamble, chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _unreadable() from error

    def finish(self) -> None:
        """Raise ProblemError unless the form is complete."""
        if self._preamble:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, _NO_PART)
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise _unreadable() from error
        if not self._is_finished:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The form ended early.")

    def _skip_preamble(self, preamble: bytearray, chunk: bytes) -> bytes:
        # RFC 2046, 5.1.1: the preamble is ignored. python-multipart refuses it.
        preamble += chunk
        at = preamble.find(self._delimiter)
        skipped_bytes = len(preamble) if at < 0 else at
        # A boundary inside a line is not one; searching for the next would lose the part after it.
        is_misplaced = at > 0 and preamble[at - 2 : at] != b"\r\n"
        if is_misplaced or skipped_bytes > _MAX_PREAMBLE_BYTES:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, _NO_PART)
        if at < 0:
            return b""
        self._preamble = None
        return bytes(memoryview(preamble)[at:])

    def _begin_part(self) -> None:
        self._sink.headers.clear()
        self._sink.on_part_begin()

    def _finish_headers(self) -> None:
        headers = self._sink.headers
        headers.refuse_transfer_encoding()
        name = headers.field_name
        if name in self._once:
            if name in self._seen:
                detail = f"The form has more than one field '{name}'. {self._once[name]}"
                raise ProblemError(ErrorCode.MALFORMED_REQUEST, detail)
            self._seen.add(name)
        self._sink.on_headers_finished()

    def _finish_form(self) -> None:
        self._is_finished = True


def _unreadable() -> ProblemError:
    return ProblemError(ErrorCode.MALFORMED_REQUEST, "The form cannot be read.")
