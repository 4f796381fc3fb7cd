"""The files and fields of an upload, read as they stream in; files go to the spool."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from gateway.core.faults import Fault
from gateway.core.upload_fields import UploadFields, parse_upload_fields
from gateway.core.uploads import UploadForm, UploadPart, too_many_files
from gateway.core.zip_entries import SIGNATURES
from gateway.http.formats.multipart import MultipartFormParser
from gateway.http.formats.part_headers import PartHeaders
from gateway.http.formats.problems import ProblemError
from gateway.http.formats.request_bodies import bounded_chunks
from gateway.http.limits import UploadBodyLimits
from gateway.ports import FaultError, Spool
from shared.contracts.errors import ErrorCode

FILE_FIELDS = ("files", "files[]", "file")
TEXT_FIELDS: Mapping[str, str] = {
    "label": "All files of a request have one label: send one request per label, or a ZIP with "
    "one folder per label.",
    "patient_id": "All files of a request are of one patient: send one request per patient.",
    "source": "All files of a request have one source: send one request per source.",
    "new_class": "Send it once.",
}
"""Fields allowed once per request, each with the advice for a client that sends a second."""
ZIP_TYPES = ("application/zip", "application/x-zip-compressed")

_UNKNOWN_TYPE = "application/octet-stream"
_HEAD_BYTES = 4
_MAX_OTHER_PARTS = 16
_MAX_FIELD_BYTES = 1024
_MAX_NAME_CHARS = 40
_SPOOL_BYTES = 1024 * 1024
_SPARED_BYTES = 64 * 1024 * 1024


async def read_upload_form(request: Request, spool: Spool, limits: UploadBodyLimits) -> UploadForm:
    """Read a multipart form, or a bare ZIP, to its end.

    Raises ProblemError and FaultError: TOO_LARGE, TOO_MANY_FILES, MALFORMED_REQUEST,
    MISSING_FIELD, UNSUPPORTED_MEDIA_TYPE.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.max_bytes + _SPARED_BYTES:
        raise _too_large(limits)  # far too large: refused at once, though it breaks the connection
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    media_type = kind.decode("latin-1")
    try:
        async with asyncio.timeout(limits.timeout_s):
            if media_type == "multipart/form-data":
                return await _read_form(request, options.get(b"boundary", b""), spool, limits)
            if media_type in ZIP_TYPES:
                return await _read_zip(request, spool, limits)
            if media_type == _UNKNOWN_TYPE:
                return await _read_zip(request, spool, limits, must_begin=SIGNATURES)
    except TimeoutError as error:
        detail = f"The body did not arrive within {limits.timeout_s:.0f} s."
        raise ProblemError(ErrorCode.REQUEST_TIMEOUT, detail) from error
    raise _neither_form_nor_zip()


@dataclass(slots=True)
class _UploadForm:
    """The sink of an upload form. arrived: file bytes not spooled yet."""

    max_files: int
    parts: list[UploadPart] = field(default_factory=list)
    fields: dict[str, bytearray] = field(default_factory=dict)
    headers: PartHeaders = field(default_factory=PartHeaders)
    arrived: bytearray = field(default_factory=bytearray)
    stray: str | None = None
    _end: int = 0
    _start: int = 0
    _others: int = 0
    _is_file: bool = False
    _field: bytearray | None = None

    def on_part_begin(self) -> None:
        self._field = None

    def on_headers_finished(self) -> None:
        name = self.headers.field_name
        self._is_file = name in FILE_FIELDS
        self._field = self.fields.setdefault(name, bytearray()) if name in TEXT_FIELDS else None
        self._start = self._end
        if self._is_file:
            if len(self.parts) >= self.max_files:
                raise FaultError(too_many_files(self.max_files))
            return
        if self._field is None and self.headers.is_file:
            self.stray = name
        self._others += 1
        if self._others > _MAX_OTHER_PARTS:
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, "The form has too many fields.")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.arrived += data[start:end]
            self._end += end - start
        elif self._field is not None:
            self._field += data[start:end]
            if len(self._field) > _MAX_FIELD_BYTES:
                raise ProblemError(ErrorCode.MALFORMED_REQUEST, "A field is too long.")

    def on_part_end(self) -> None:
        if self._is_file:
            name = self.headers.file_name
            is_zip = self.headers.content_type in ZIP_TYPES
            self.parts.append(UploadPart(name, self._start, self._end - self._start, is_zip))

    def text(self, name: str) -> str | None:
        """Return a text field; invalid UTF-8 becomes characters that no field allows."""
        value = self.fields.get(name)
        return None if value is None else value.decode("utf-8", "replace")


async def _read_form(
    request: Request, boundary: bytes, spool: Spool, limits: UploadBodyLimits
) -> UploadForm:
    form = _UploadForm(limits.max_files)
    parser = MultipartFormParser(boundary, form, TEXT_FIELDS)
    async for chunk in bounded_chunks(request, limits.max_bytes, _too_large(limits)):
        parser.write(chunk)
        await _spool(form.arrived, spool, at_least=_SPOOL_BYTES)
    parser.finish()
    await _spool(form.arrived, spool, at_least=1)
    return _finished(form)


def _finished(form: _UploadForm) -> UploadForm:
    fields = parse_upload_fields(
        label=form.text("label"),
        patient_id=form.text("patient_id"),
        source=form.text("source"),
        new_class=form.text("new_class"),
    )
    if isinstance(fields, Fault):
        raise FaultError(fields)
    if not form.parts:
        raise ProblemError(ErrorCode.MISSING_FIELD, "The form has no field 'files'.")
    if form.stray is not None:
        detail = (
            f"The form has a file in the field {form.stray[:_MAX_NAME_CHARS]!r}. "
            "Send all files in the field 'files'."
        )
        raise ProblemError(ErrorCode.MALFORMED_REQUEST, detail)
    return UploadForm(tuple(form.parts), fields)


async def _read_zip(
    request: Request,
    spool: Spool,
    limits: UploadBodyLimits,
    *,
    must_begin: tuple[bytes, ...] = (),
) -> UploadForm:
    size_bytes = 0
    head = b""
    arrived = bytearray()
    async for chunk in bounded_chunks(request, limits.max_bytes, _too_large(limits)):
        arrived += chunk
        size_bytes += len(chunk)
        head = (head + chunk[:_HEAD_BYTES])[:_HEAD_BYTES]
        if must_begin and len(head) == _HEAD_BYTES and head not in must_begin:
            raise _neither_form_nor_zip()
        await _spool(arrived, spool, at_least=_SPOOL_BYTES)
    if must_begin and head not in must_begin:
        raise _neither_form_nor_zip()
    await _spool(arrived, spool, at_least=1)
    return UploadForm((UploadPart(None, 0, size_bytes, is_zip=True),), _from_query(request))


def _from_query(request: Request) -> UploadFields:
    # A ZIP body has no form fields; its folders are the labels.
    for name, advice in TEXT_FIELDS.items():
        if len(request.query_params.getlist(name)) > 1:
            detail = f"The query has more than one '{name}'. {advice}"
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, detail)
    fields = parse_upload_fields(
        label=None,
        patient_id=request.query_params.get("patient_id"),
        source=request.query_params.get("source"),
        new_class=request.query_params.get("new_class"),
    )
    if isinstance(fields, Fault):
        raise FaultError(fields)
    return fields


async def _spool(arrived: bytearray, spool: Spool, *, at_least: int) -> None:
    if len(arrived) >= at_least:
        await asyncio.to_thread(spool.append, bytes(arrived))
        arrived.clear()


def _neither_form_nor_zip() -> ProblemError:
    return ProblemError(
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        "Send multipart/form-data with fields 'label' and 'files', or an application/zip body.",
    )


def _too_large(limits: UploadBodyLimits) -> ProblemError:
    limit = limits.max_bytes // (1024 * 1024)
    return ProblemError(ErrorCode.TOO_LARGE, f"The request is larger than {limit} MiB.")
