"""API keys: who may enter, and what for. A key itself is kept nowhere, only its SHA-256."""

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
    """What is known of one key.

    sha256: lower-case hex. expires_at_ms: unix ms from which on it is worth nothing.
    rate_per_s, burst: its own bounds; None: those of the settings.
    """

    name: str
    sha256: str
    scopes: frozenset[KeyScope]
    created_at_ms: int
    expires_at_ms: int | None = None
    rate_per_s: float | None = None
    burst: int | None = None

    def has_expired(self, now_ms: int) -> bool:
        """Tell whether its time is over."""
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every key there is."""

    keys: tuple[ApiKey, ...] = ()

    def find(self, secret: str, now_ms: int) -> ApiKey | None:
        """Give the key that this is, unless it has expired.

        All keys are compared, each in constant time, so that the time tells nothing about them.
        """
        digest = digest_of(secret)
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return None if found is None or found.has_expired(now_ms) else found


@dataclass(frozen=True, slots=True)
class Allowed:
    """Come in. key: whose request it is; None: the route is open."""

    key: ApiKey | None


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """Nobody known. presented: there was a key, but none of ours, or one that has expired."""

    presented: bool


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A known key that is not good for this."""

    scope: KeyScope


def decide_access(
    need: Need, secret: str | None, ring: KeyRing, now_ms: int
) -> Allowed | Unauthenticated | Forbidden:
    """Weigh what a route asks for against the key that was presented, if any."""
    if need is Public.OPEN:
        return Allowed(None)
    key = None if secret is None else ring.find(secret, now_ms)
    if key is None:
        return Unauthenticated(presented=secret is not None)
    if isinstance(need, KeyScope) and need not in key.scopes:
        return Forbidden(need)
    return Allowed(key)


def digest_of(secret: str) -> str:
    """Give what is kept of a key. It has 256 random bits: one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find_secret(authorizations: Iterable[str], api_keys: Iterable[str]) -> str | None:
    """Give the key out of `Authorization: Bearer` or `X-API-Key`.

    Several that differ are nobody's: which one was meant cannot be told.
    """
    presented = {_bearer(value) for value in authorizations} | {key.strip() for key in api_keys}
    if len(presented) != 1:
        return None
    secret = presented.pop()
    return secret if 0 < len(secret) <= MAX_SECRET_CHARS else None


def _bearer(authorization: str) -> str:
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == _BEARER else ""
