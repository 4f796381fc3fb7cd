"""The file of API keys: JSON, read again whenever it has changed, written by renaming."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.core.keys import MAX_KEYS, ApiKey, KeyRing
from gateway.core.permissions import KeyScope

MAX_FILE_BYTES = 1024 * 1024
_CHECK_INTERVAL_S = 1.0
_PRIVATE = 0o600

_log = structlog.get_logger(__name__)

_Signature = tuple[int, int, int] | None


class KeyFileError(Exception):
    """The file cannot be read, or is not a file of keys."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[KeyScope, ...]
    created_at_ms: int
    expires_at_ms: int | None = None
    rate_per_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    burst: Annotated[int, Field(ge=1)] | None = None


class _Contents(BaseModel):
    # Without the input: the file may contain a key in place of its digest.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    keys: Annotated[tuple[_Entry, ...], Field(max_length=MAX_KEYS)]

    @model_validator(mode="after")
    def _each_once(self) -> "_Contents":
        for field, values in (
            ("name", [key.name for key in self.keys]),
            ("digest", [key.sha256 for key in self.keys]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"a {field} occurs twice")
        return self


def read_key_file(path: Path) -> KeyRing:
    """Read every key. Raises KeyFileError, whose text quotes nothing of the file."""
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    if len(text) > MAX_FILE_BYTES:
        raise KeyFileError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        contents = _Contents.model_validate_json(text)
    except ValidationError as error:
        places = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        # Not `from error`: a logged traceback would quote the file.
        raise KeyFileError(f"{path}: {'; '.join(places)}") from None
    return KeyRing(tuple(_key(entry) for entry in contents.keys))


def write_key_file(path: Path, ring: KeyRing) -> None:
    """Replace the whole file; only its owner may read it. Raises KeyFileError."""
    contents = _Contents(keys=tuple(_entry(key) for key in ring.keys))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as stream:
            Path(stream.name).chmod(_PRIVATE)
            stream.write(contents.model_dump_json(indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(stream.name).replace(path)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error


class WatchedKeys:
    """The keys of the file, which is checked for changes at most once per second.

    If the file becomes unreadable, the previous keys stay valid and an error is logged.
    Raises KeyFileError if the file cannot be read at the start.
    """

    def __init__(self, path: Path, monotonic_s: Callable[[], float]) -> None:
        self._path = path
        self._monotonic_s = monotonic_s
        self._checked_s = monotonic_s()
        # Before reading: a change in between is noticed at the next check.
        self._signature = _signature(path)
        self._ring = read_key_file(path)

    def current(self) -> KeyRing:
        """Return the current keys."""
        now_s = self._monotonic_s()
        if now_s - self._checked_s >= _CHECK_INTERVAL_S:
            self._checked_s = now_s
            self._reload_if_changed()
        return self._ring

    def _reload_if_changed(self) -> None:
        signature = _signature(self._path)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._ring = read_key_file(self._path)
        except KeyFileError as error:
            # Without a traceback, which would quote the file.
            _log.error("API key file is invalid, keeping the previous keys", reason=str(error))
        else:
            _log.info("API keys reloaded", count=len(self._ring.keys))


def _signature(path: Path) -> _Signature:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _key(entry: _Entry) -> ApiKey:
    return ApiKey(**entry.model_dump(exclude={"scopes"}), scopes=frozenset(entry.scopes))


def _entry(key: ApiKey) -> _Entry:
    return _Entry(
        name=key.name,
        sha256=key.sha256,
        scopes=tuple(sorted(key.scopes)),
        created_at_ms=key.created_at_ms,
        expires_at_ms=key.expires_at_ms,
        rate_per_s=key.rate_per_s,
        burst=key.burst,
    )
