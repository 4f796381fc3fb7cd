"""API keys and their scopes. A key is never stored, only its SHA-256."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.permissions import KeyScope, Need, Public

PREFIX = "pneumo_"
MAX_SECRET_CHARS = 256
MAX_KEYS = 1_000
_BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key.

    sha256: lower-case hex. expires_at_ms: unix ms from which the key is invalid.
    rate_per_s, burst: its own limits; None: those of the settings.
    """

    name: str
    sha256: str
    scopes: frozenset[KeyScope]
    created_at_ms: int
    expires_at_ms: int | None = None
    rate_per_s: float | None = None
    burst: int | None = None

    def has_expired(self, now_ms: int) -> bool:
        """Return whether the key has expired."""
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys."""

    keys: tuple[ApiKey, ...] = ()

    def find(self, secret: str, now_ms: int) -> ApiKey | None:
        """Return the key with this secret, unless it has expired.

        All keys are compared, each in constant time, so that timing reveals nothing about them.
        """
        digest = digest_of(secret)
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return None if found is None or found.has_expired(now_ms) else found


@dataclass(frozen=True, slots=True)
class Allowed:
    """Access is granted. key: of the request; None: the route is open."""

    key: ApiKey | None


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """No valid key. presented: the request had a key, but an unknown or expired one."""

    presented: bool


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A valid key without the required scope."""

    scope: KeyScope


def decide_access(
    need: Need, secret: str | None, ring: KeyRing, now_ms: int
) -> Allowed | Unauthenticated | Forbidden:
    """Check the key that was presented, if any, against the route's requirement."""
    if need is Public.OPEN:
        return Allowed(None)
    key = None if secret is None else ring.find(secret, now_ms)
    if key is None:
        return Unauthenticated(presented=secret is not None)
    if isinstance(need, KeyScope) and need not in key.scopes:
        return Forbidden(need)
    return Allowed(key)


def digest_of(secret: str) -> str:
    """Return the stored digest. A key has 256 random bits: one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find_secret(authorizations: Iterable[str], api_keys: Iterable[str]) -> str | None:
    """Return the key from `Authorization: Bearer` or `X-API-Key`.

    None if several differ: it is unclear which one is meant.
    """
    presented = {_bearer(value) for value in authorizations} | {key.strip() for key in api_keys}
    if len(presented) != 1:
        return None
    secret = presented.pop()
    return secret if 0 < len(secret) <= MAX_SECRET_CHARS else None


def _bearer(authorization: str) -> str:
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == _BEARER else ""
