"""Creating, listing and revoking API keys; a running gateway reloads the file automatically."""

import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from gateway.adapters.key_file import read_key_file, write_key_file
from gateway.core.keys import PREFIX, ApiKey, KeyRing, digest_of
from gateway.core.permissions import KeyScope
from shared.clock import SystemClock

_SECRET_BYTES = 32
_MS_A_DAY = 24 * 60 * 60 * 1000


def new_key(
    path: Path,
    *,
    name: str,
    scopes: frozenset[KeyScope],
    days: float | None = None,
    rate_per_s: float | None = None,
    burst: int | None = None,
) -> None:
    """Create a key and write it, alone, to stdout; it cannot be shown again.

    Raises KeyFileError, and ValueError if the name exists or a limit is invalid.
    """
    ring = read_key_file(path) if path.exists() else KeyRing()
    if any(key.name == name for key in ring.keys):
        raise ValueError(f"A key named {name} already exists: revoke it, or choose another name.")
    now_ms = SystemClock().now_ms()
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    expires_at_ms = None if days is None else now_ms + int(days * _MS_A_DAY)
    made = ApiKey(name, digest_of(secret), scopes, now_ms, expires_at_ms, rate_per_s, burst)
    try:
        write_key_file(path, KeyRing((*ring.keys, made)))
    except ValidationError as error:
        raise ValueError(f"Invalid key: {error.errors()[0]['msg']}") from error
    sys.stderr.write(f"Added {name} to {path}. The key, shown only once:\n")
    sys.stdout.write(secret + "\n")


def list_keys(path: Path) -> None:
    """Write every key to stdout, one line each, without its secret. Raises KeyFileError."""
    now_ms = SystemClock().now_ms()
    for key in read_key_file(path).keys:
        scopes = ",".join(sorted(key.scopes)) or "reading"
        rate = "" if key.rate_per_s is None else f"  {key.rate_per_s:g}/s"
        sys.stdout.write(
            f"{key.name}  {scopes}  made {_date(key.created_at_ms)}{_end(key, now_ms)}{rate}\n"
        )


def revoke_key(path: Path, name: str) -> None:
    """Remove a key from the file. Raises KeyFileError, and ValueError if it does not exist."""
    ring = read_key_file(path)
    kept = tuple(key for key in ring.keys if key.name != name)
    if len(kept) == len(ring.keys):
        raise ValueError(f"There is no key named {name}.")
    write_key_file(path, replace(ring, keys=kept))
    sys.stderr.write(f"Revoked {name}.\n")


def _end(key: ApiKey, now_ms: int) -> str:
    if key.expires_at_ms is None:
        return ""
    prefix = "expired" if key.has_expired(now_ms) else "until"
    return f"  {prefix} {_date(key.expires_at_ms)}"


def _date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
