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
_LOOK_EVERY_S = 1.0
_PRIVATE = 0o600

_log = structlog.get_logger(__name__)

_Signature = tuple[int, int, int] | None


class KeyFileError(Exception):
    """The file cannot be read, or is no file of keys: the operator's to mend."""


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
    # Without the input: somebody may have written a key where its digest belongs.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    keys: Annotated[tuple[_Entry, ...], Field(max_length=MAX_KEYS)]

    @model_validator(mode="after")
    def _each_once(self) -> "_Contents":
        for word, values in (
            ("name", [key.name for key in self.keys]),
            ("digest", [key.sha256 for key in self.keys]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"a {word} is there twice")
        return self


def read_key_file(path: Path) -> KeyRing:
    """Read every key. Raises KeyFileError; its text has nothing of the file's contents."""
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
        # Not `from error`: a logged trace would quote what was in the file.
        raise KeyFileError(f"{path}: {'; '.join(places)}") from None
    return KeyRing(tuple(_key(entry) for entry in contents.keys))


def write_key_file(path: Path, ring: KeyRing) -> None:
    """Replace the file as a whole; only its owner may read it. Raises KeyFileError."""
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
    """The keys as the file has them, looked at once a second at most.

    A file that has become unreadable changes nothing: the keys of before stay, and the log says so.
    Raises KeyFileError when it is made with a file that cannot be read.
    """

    def __init__(self, path: Path, monotonic_s: Callable[[], float]) -> None:
        self._path = path
        self._monotonic_s = monotonic_s
        self._looked_s = monotonic_s()
        # Before reading: what changes in between is seen at the next look.
        self._signature = _signature(path)
        self._ring = read_key_file(path)

    def current(self) -> KeyRing:
        """Give the keys of now."""
        now_s = self._monotonic_s()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = now_s
            self._look()
        return self._ring

    def _look(self) -> None:
        signature = _signature(self._path)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._ring = read_key_file(self._path)
        except KeyFileError as error:
            # No trace: the file's contents stay out of the log.
            _log.error("the file of API keys is broken; the keys of before stay", reason=str(error))
        else:
            _log.info("API keys read again", count=len(self._ring.keys))


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
