"""A place in S3, or in what speaks like it: objects are seen whole or not at all, by its nature."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import S3Store

from registry.ports import ArtifactsUnavailableError, StartError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

_log = structlog.get_logger(__name__)

_ANSWER_S = 10.0
_PART_BYTES = 5 * 1024 * 1024
"""Of a large object, what one request takes: the least that S3 allows."""
_PARTS_AT_ONCE = 2
_NOBODY = ".available"
"""A key that nobody stores."""
_NO_PROXY = "http://127.0.0.1:9"

_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_STATUS = re.compile(r"non-2xx status code: ([0-9]{3})")


class Bucket:
    """Objects by their key, below one prefix; every call comes to an end.

    answer_s: how long a small request may take, all tries together.
    Methods raise ArtifactsUnavailableError, whose words hold no URL, no key and no credential.
    """

    def __init__(self, store: S3Store, *, answer_s: float = _ANSWER_S) -> None:
        self._store = store
        self._answer_s = answer_s
        self._failure: str | None = None

    async def size_bytes(self, key: str) -> int | None:
        """Give an object's size; None where there is none."""
        async with _translated(self._answer_s):
            try:
                return (await obstore.head_async(self._store, key))["size"]
            except FileNotFoundError:
                return None

    async def stored_at_ms(self, key: str) -> int | None:
        """Give when an object was stored, unix ms by the bucket; None where there is none."""
        async with _translated(self._answer_s):
            try:
                found = await obstore.head_async(self._store, key)
            except FileNotFoundError:
                return None
            return round(found["last_modified"].timestamp() * 1000)

    async def load(self, key: str) -> bytes | None:
        """Give an object whose size is known to be small; None where there is none."""
        async with _translated(self._answer_s):
            try:
                found = await obstore.get_async(self._store, key)
                return bytes(await found.bytes_async())
            except FileNotFoundError as error:
                if _is_about_more(error):
                    raise
                return None

    async def load_part(self, key: str, first: int, size_bytes: int) -> bytes:
        """Give some bytes of an object, fewer at its end. first: before its end."""
        async with _translated(self._answer_s):
            return bytes(
                await obstore.get_range_async(self._store, key, start=first, length=size_bytes)
            )

    async def put(self, key: str, content: bytes) -> None:
        """Store a small object, in place of one that is there."""
        async with _translated(self._answer_s):
            await obstore.put_async(self._store, key, content, use_multipart=False)

    async def put_file(self, key: str, path: Path) -> None:
        """Store a file of any size, in place of an object that is there."""
        async with _translated(None):  # each request has its end: `open_bucket`
            await obstore.put_async(
                self._store, key, path, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )

    async def remove(self, key: str) -> None:
        """Delete an object; nothing happens where there is none."""
        async with _translated(self._answer_s):
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError as error:
                if _is_about_more(error):
                    raise

    async def is_available(self) -> bool:
        """Tell whether it answers us now; a change is logged."""
        try:
            await self.load(_NOBODY)
            failure = None
        except ArtifactsUnavailableError as error:
            failure = str(error)
        if failure != self._failure:
            _log.warning("bucket answers" if failure is None else "bucket fails", reason=failure)
        self._failure = failure
        return failure is None


def open_bucket(url: str, endpoint: str | None = None, *, answer_s: float = _ANSWER_S) -> Bucket:
    """Make a bucket; nothing is asked of it yet. url: s3://bucket/prefix.

    endpoint: None is Amazon's for the region. Region and credentials come from AWS_*, read by
    the library. Raises StartError where they cannot be used.
    """
    elsewhere: S3Config = {} if endpoint is None else {"endpoint": endpoint}
    try:
        store = _new_store(url, elsewhere, answer_s, _of_connection(endpoint))
    except (BaseError, ValueError):
        raise StartError("PNEUMO_REGISTRY_FILES_URL or one of AWS_* cannot be used.") from None
    return Bucket(store, answer_s=answer_s)


def _of_connection(endpoint: str | None) -> "ClientConfig":
    # Plain HTTP only to an endpoint that was named so: nothing may lead there by itself.
    if endpoint is None or not endpoint.startswith("http://"):
        return {"allow_http": False}
    # And through no proxy, which would read every image. The library ignores HTTP_PROXY only if it
    # is given a proxy of its own; this one is never asked, because the one host is excluded.
    host = urlsplit(endpoint).hostname or ""
    return {"allow_http": True, "proxy_url": _NO_PROXY, "proxy_excludes": host}


def _new_store(
    url: str, config: "S3Config", answer_s: float, connection: "ClientConfig"
) -> S3Store:
    return S3Store.from_url(
        url,
        config=config,
        client_options={
            **connection,
            "connect_timeout": timedelta(seconds=min(3.0, answer_s)),
            "timeout": timedelta(seconds=3 * answer_s),  # a part of a large object is sent in it
        },
        retry_config={
            "max_retries": 2,
            "retry_timeout": timedelta(seconds=answer_s),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=1),
                "base": 2,
            },
        },
        disable_bulk_delete=True,  # not every store knows it
    )


@asynccontextmanager
async def _translated(within_s: float | None) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError:
        raise ArtifactsUnavailableError("S3 does not answer") from None
    except (BaseError, OSError) as error:
        # Its words hold the object's URL, and may hold more: they stay here.
        raise ArtifactsUnavailableError(f"S3: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    said = str(error)
    code, status = _CODE.search(said), _STATUS.search(said)
    if code is not None:
        return code[1]
    return f"status {status[1]}" if status is not None else "no answer"


def _is_about_more(error: FileNotFoundError) -> bool:
    """Tell whether something else than the object is missing: the bucket, or who asks."""
    code = _CODE.search(str(error))
    return code is not None and code[1] != "NoSuchKey"
