"""The use case of an upload: each file is checked, and each valid image published."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import structlog

from gateway.core.dicom import is_dicom
from gateway.core.faults import Fault
from gateway.core.rate_limits import ConcurrencyLimiter, RetryLater
from gateway.core.upload_fields import UploadFields, find_label_fault
from gateway.core.uploads import (
    AcceptedImage,
    Candidate,
    RejectedImage,
    UploadForm,
    UploadLimits,
    UploadPart,
    UploadResult,
    too_many_files,
    too_much,
)
from gateway.core.zip_entries import is_archive
from gateway.core.zip_layout import (
    choose_label,
    explain_folder_label,
    find_folder_fault,
    find_outer_folders,
)
from gateway.ports import (
    Archives,
    DecoderBusyError,
    DicomRenderer,
    FaultError,
    Spool,
    UploadPublisher,
)
from gateway.service.class_lookup import ClassLookup
from gateway.service.inspection import Inspected, inspect_image, read_upload
from shared.clock import new_id
from shared.contracts.dataset import UploadHeaders
from shared.contracts.errors import ErrorCode
from shared.kafka.publisher import BrokerUnavailableError, RecordRefusedError

_HEAD_BYTES = 4
_DECODER_WAIT_S = 60.0
_DECODERS_BUSY = Fault(ErrorCode.OVERLOADED, "Too many DICOM files are waiting to be decoded.")

_log = structlog.get_logger(__name__)
_TOO_LARGE = "The image is larger than the message broker accepts."

T = TypeVar("T")


class UploadsBusyError(Exception):
    """The maximum number of uploads is in progress."""


class ClientUploadsBusyError(Exception):
    """Too many uploads of this client are in progress."""


class UploadInterruptedError(Exception):
    """The broker stopped confirming. report: what it had confirmed, and what was refused, so far.

    The whole request may be sent again: an image is stored once, by its sha256.
    refused: the reason if sending it again would not help.
    """

    def __init__(self, report: UploadResult, refused: RecordRefusedError | None = None) -> None:
        super().__init__(f"{len(report.accepted)} images were confirmed")
        self.report = report
        self.refused = refused


class UploadService:
    """Publishes labelled images. compute: unpacks and decodes files, off the event loop."""

    def __init__(
        self,
        publisher: UploadPublisher,
        archives: Archives,
        classes: ClassLookup,
        renderer: DicomRenderer,
        compute: Executor,
        limits: UploadLimits,
    ) -> None:
        self._publisher = publisher
        self._archives = archives
        self._classes = classes
        self._renderer = renderer
        self._compute = compute
        self._limits = limits
        # One file is in memory at a time, for all requests together.
        self._turn = asyncio.Lock()
        self._requests = 0
        self._by_client = ConcurrencyLimiter(limits.max_requests_per_client)

    @contextmanager
    def slot(self, client: str) -> Iterator[None]:
        """Hold an upload slot for the block. client: the key or address of the request.

        Raises UploadsBusyError, ClientUploadsBusyError.
        """
        if self._requests >= self._limits.max_requests:
            raise UploadsBusyError
        if isinstance(self._by_client.enter(client), RetryLater):
            raise ClientUploadsBusyError
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            self._by_client.leave(client)

    async def take(self, form: UploadForm, spool: Spool) -> UploadResult:
        """Publish every good image; the report names each file, good or bad.

        Raises FaultError if the request as a whole is at fault, UploadInterruptedError,
        RegistryUnavailableError if the known classes cannot be read.
        """
        fields = form.fields
        labels = _Labels(await self._list_classes(fields), allow_new_class=fields.allow_new_class)
        if fields.label is not None:
            _raise_fault(labels.find_fault(fields.label))
        found = await self._off_loop(partial(self._list_files, form, spool))
        self._check_totals(found)
        labels.outer = find_outer_folders(x.folders for x in found if isinstance(x, Candidate))
        upload_id = new_id()
        accepted: list[AcceptedImage] = []
        rejected: list[RejectedImage] = []
        for candidate in found:
            try:
                verdict = await self._take_one(candidate, fields, labels, upload_id)
            except (BrokerUnavailableError, RecordRefusedError) as error:
                report = UploadResult(tuple(accepted), tuple(rejected))
                refused = error if isinstance(error, RecordRefusedError) else None
                raise UploadInterruptedError(report, refused) from error
            if isinstance(verdict, AcceptedImage):
                accepted.append(verdict)
            else:
                rejected.append(verdict)
        return UploadResult(tuple(accepted), tuple(rejected))

    async def _list_classes(self, fields: UploadFields) -> tuple[str, ...]:
        if fields.allow_new_class:
            return await self._classes.list_all_classes()
        return await self._classes.list_model_classes()

    def _list_files(self, form: UploadForm, spool: Spool) -> list[Candidate | RejectedImage]:
        found: list[Candidate | RejectedImage] = []
        for part in form.parts:
            if part.is_zip or is_archive(spool.read(part.start, _HEAD_BYTES)):
                found += self._archives.list_images(spool, part)
            else:
                found.append(_candidate(part, form.fields, spool))
        return found

    def _check_totals(self, found: Sequence[Candidate | RejectedImage]) -> None:
        sizes = [each.size_bytes for each in found if isinstance(each, Candidate)]
        if len(sizes) > self._limits.max_files:
            raise FaultError(too_many_files(self._limits.max_files))
        if sum(sizes) > self._limits.max_unpacked_bytes:
            raise FaultError(too_much(self._limits.max_unpacked_bytes))

    async def _take_one(
        self,
        found: Candidate | RejectedImage,
        fields: UploadFields,
        labels: "_Labels",
        upload_id: str,
    ) -> AcceptedImage | RejectedImage:
        if isinstance(found, RejectedImage):
            return found
        if found.folders:
            found = replace(found, label=choose_label(found.folders, labels.classes))
        fault = labels.find_fault(found.label, found.folders)
        if fault is not None:
            return RejectedImage(found.filename, fault.code, fault.detail)
        async with self._turn:
            seen = await self._see(found)
        if isinstance(seen, Fault):
            return RejectedImage(found.filename, seen.code, seen.detail)
        return await self._publish(found, seen, fields, upload_id)

    async def _see(self, candidate: Candidate) -> Inspected | Fault:
        content = await self._off_loop(partial(read_upload, candidate, self._limits))
        if isinstance(content, bytes) and is_dicom(content):
            content = await self._picture_of(content)
        if isinstance(content, Fault):
            return content
        return await self._off_loop(partial(inspect_image, content))

    async def _picture_of(self, file: bytes) -> bytes | Fault:
        try:
            rendered = await self._renderer.render(file, wait_s=_DECODER_WAIT_S)
        except DecoderBusyError:
            return _DECODERS_BUSY
        return rendered if isinstance(rendered, Fault) else rendered.png

    async def _publish(
        self, candidate: Candidate, image: Inspected, fields: UploadFields, upload_id: str
    ) -> AcceptedImage | RejectedImage:
        headers = UploadHeaders(
            id=new_id(),
            label=candidate.label,
            content_type=image.content_type,
            patient=fields.patient,
            source=fields.source,
            upload_id=upload_id,
        )
        try:
            await self._publisher.publish(image.sha256, headers, image.content)
        except RecordRefusedError as error:
            if not error.too_large:
                raise
            _log.error("upload refused by the broker", reason=str(error))
            return RejectedImage(candidate.filename, ErrorCode.TOO_LARGE, _TOO_LARGE)
        return AcceptedImage(
            headers.id, image.sha256, candidate.filename, candidate.label, upload_id
        )

    async def _off_loop(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._compute, work)


@dataclass(slots=True)
class _Labels:
    """The classes known to one request; a new class is known to the files after it.

    outer: folders of its archives that contain others with images.
    """

    classes: tuple[str, ...]
    allow_new_class: bool
    outer: frozenset[tuple[str, ...]] = frozenset()

    def find_fault(self, label: str, folders: tuple[str, ...] = ()) -> Fault | None:
        if folders:
            fault = find_folder_fault(folders, self.outer, self.classes)
            if fault is not None:
                return fault
        fault = find_label_fault(label, self.classes, allow_new_class=self.allow_new_class)
        if fault is not None:
            return explain_folder_label(fault) if folders else fault
        if label not in self.classes:
            self.classes += (label,)
        return None


def _candidate(part: UploadPart, fields: UploadFields, spool: Spool) -> Candidate:
    if fields.label is None:
        raise FaultError(Fault(ErrorCode.MISSING_FIELD, "The form has no field 'label'."))
    read_part = partial(spool.read, part.start, part.size_bytes)
    return Candidate(part.filename, fields.label, part.size_bytes, read_part)


def _raise_fault(fault: Fault | None) -> None:
    if fault is not None:
        raise FaultError(fault)
