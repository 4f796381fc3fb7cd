"""One large file over HTTP: streamed to disk, continued where it broke off (RFC 9110, part 14)."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from trainer.ports import Progress

_CHUNK = 1 << 20
_TIMEOUT = httpx.Timeout(30.0)
_ATTEMPTS = 5
_PARTIAL, _UNSATISFIABLE = 206, 416


class DatasetDownloadError(OSError):
    """The file did not come; the message says why. What came is kept for the next try."""


class HttpDownload:
    """Fetches into `FILE.part`; `FILE.part.json` remembers which version of the file it is of."""

    def __init__(
        self,
        progress: Progress,
        *,
        max_bytes: int,
        pause_s: float = 2.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._progress = progress
        self._max_bytes = max_bytes
        self._pause_s = pause_s
        self._sleep = sleep

    def fetch(self, address: str, target: Path) -> Path:
        """Give the whole part file, not yet named `target`. Raises DatasetDownloadError.

        Gives up after five attempts in a row that brought nothing.
        """
        part = target.with_name(f"{target.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        self._progress.advance(_size(part) // _CHUNK)
        barren = 0
        with httpx.Client(follow_redirects=True, timeout=_TIMEOUT) as client:
            while True:
                size = _size(part)
                try:
                    self._continue(client, address, part)
                except httpx.TransportError as error:
                    barren = 0 if _size(part) > size else barren + 1
                    if barren == _ATTEMPTS:
                        raise DatasetDownloadError(
                            f"{address} cannot be fetched: {error}"
                        ) from error
                    self._sleep(self._pause_s)
                else:
                    _memo(part).unlink(missing_ok=True)
                    return part

    def _continue(self, client: httpx.Client, address: str, part: Path) -> None:
        start, validator = _size(part), _validator(part)
        headers = {"Accept-Encoding": "identity"}
        if start and validator:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        with client.stream("GET", address, headers=headers) as answer:
            if answer.status_code == _UNSATISFIABLE:
                if answer.headers.get("content-range") == f"bytes */{start}":
                    return  # All of it had come; only the end of the program was missing.
                part.unlink()
                raise httpx.ReadError("the file at the address has changed")
            if answer.status_code >= httpx.codes.BAD_REQUEST:
                raise DatasetDownloadError(f"{address} answers {answer.status_code}")
            if answer.status_code != _PARTIAL:
                start = 0
            elif not answer.headers.get("content-range", "").startswith(f"bytes {start}-"):
                part.unlink()
                raise httpx.ReadError("the server continues somewhere else")
            self._store(answer, part, start)

    def _store(self, answer: httpx.Response, part: Path, start: int) -> None:
        length = answer.headers.get("content-length", "")
        total = start + int(length) if length.isdigit() else None
        if total is not None:
            self._guard(total)
            self._progress.expect(-(-total // _CHUNK))
        _memo(part).write_text(json.dumps({"validator": _strong_validator(answer)}))
        done = start
        with part.open("r+b" if start else "wb") as stream:
            stream.seek(start)
            for chunk in answer.iter_bytes(_CHUNK):
                self._guard(done + len(chunk))
                stream.write(chunk)
                done += len(chunk)
                self._progress.advance(1)
            stream.flush()
            os.fsync(stream.fileno())
        if total is not None and done < total:
            raise httpx.ReadError("the connection ended early")

    def _guard(self, size: int) -> None:
        if size > self._max_bytes:
            raise DatasetDownloadError(
                f"the file is larger than the {self._max_bytes:,} bytes allowed"
            )


def _strong_validator(answer: httpx.Response) -> str:
    """Name the version of the file, if in a way that If-Range may use (RFC 9110, 13.1.5)."""
    tag: str = answer.headers.get("etag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return str(answer.headers.get("last-modified", ""))


def _validator(part: Path) -> str:
    try:
        return str(json.loads(_memo(part).read_text())["validator"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _memo(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
