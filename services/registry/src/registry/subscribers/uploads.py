"""`uploads.labelled` in: file and row first, then the offset."""

import asyncio
import math
from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from registry.core.backoff import retry_delay_s
from registry.core.dataset import RecordPlace, UnreadableUpload, Upload, UploadEffect, verify_upload
from registry.ports import (
    ArtifactsUnavailableError,
    OpenUploads,
    StoreUnavailableError,
    UploadFeed,
    UploadRecord,
)
from registry.service.dataset import DatasetService
from shared.contracts.dataset import UploadHeadersError, parse_upload_headers
from shared.kafka.publisher import BrokerUnavailableError
from shared.observability.error_words import kind_of

_log = structlog.get_logger(__name__)


class UploadsSubscriber:
    """Takes every upload into the dataset, at least once and, by its sha256, to one effect.

    While database or disk fail, the same records are tried again and those behind them wait.
    """

    def __init__(
        self, open_uploads: OpenUploads, service: DatasetService, *, metrics: CollectorRegistry
    ) -> None:
        self._open_uploads = open_uploads
        self._service = service
        self._failed_in_a_row = 0
        self._consumed = Counter(
            "pneumo_registry_uploads",
            "Uploads consumed, by what they did to the dataset.",
            ["effect"],
            registry=metrics,
        )
        self._failures = Counter(
            "pneumo_registry_upload_failures",
            "Attempts to read uploads or to keep them that failed, and are made again.",
            registry=metrics,
        )
        self._waiting = Gauge(
            "pneumo_registry_uploads_waiting",
            "Uploads that the broker has and the dataset has not; NaN if another registry leads.",
            registry=metrics,
        )
        self._waiting.set(math.nan)

    async def run(self) -> None:
        """Read until cancelled, whatever the broker does."""
        try:
            await self._run()
        finally:
            self._waiting.set(math.nan)

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except BrokerUnavailableError as error:
                await self._pause("uploads cannot be read", error)
            except Exception as bug:  # noqa: BLE001  the boundary: it stops neither HTTP nor events
                _log.error("uploads met a bug", exc_info=bug)
                await self._pause("uploads are read again", bug)

    async def _read(self) -> None:
        async with self._open_uploads() as feed:
            while True:
                await self._take_in(feed)
                self._failed_in_a_row = 0

    async def _take_in(self, feed: UploadFeed) -> None:
        records = await feed.take()
        self._waiting.set(feed.waiting())
        if not records:
            return
        uploads = await asyncio.to_thread(_read_all, records)
        readable = [each for each in uploads if isinstance(each, Upload)]
        effects = await self._keep(readable)
        await feed.commit()
        self._waiting.set(feed.waiting())
        self._count(effects, unreadable=len(uploads) - len(readable))

    async def _keep(self, uploads: Sequence[Upload]) -> Sequence[UploadEffect]:
        # An upload that was accepted is kept, so it is tried until it is.
        while True:
            try:
                return await self._service.take_in(uploads)
            except (StoreUnavailableError, ArtifactsUnavailableError) as error:
                await self._pause("uploads wait", error)

    async def _pause(self, what: str, error: Exception) -> None:
        self._failed_in_a_row += 1
        self._failures.inc()
        _log.warning(what, attempt=self._failed_in_a_row, error=kind_of(error))
        await asyncio.sleep(retry_delay_s(self._failed_in_a_row))

    def _count(self, effects: Sequence[UploadEffect], *, unreadable: int) -> None:
        for effect in effects:
            self._consumed.labels(effect).inc()
        if unreadable:
            self._consumed.labels("unreadable").inc(unreadable)


def _read_all(records: Sequence[UploadRecord]) -> Sequence[Upload | UnreadableUpload]:
    return [_read(record) for record in records]


def _read(record: UploadRecord) -> Upload | UnreadableUpload:
    try:
        headers = parse_upload_headers(record.headers)
    except UploadHeadersError as error:
        upload: Upload | UnreadableUpload = UnreadableUpload(error.detail)
    else:
        place = RecordPlace(record.partition, record.offset, record.made_at_ms)
        upload = verify_upload(headers, record.key, record.value, place)
    if isinstance(upload, UnreadableUpload):
        _log.error(
            "record is no upload",
            partition=record.partition,
            offset=record.offset,
            error=upload.detail[:200],
        )
    return upload
