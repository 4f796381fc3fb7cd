"""The id of a training job that a client has named by its `Idempotency-Key`."""

import hashlib
from uuid import UUID

MAX_KEY_CHARS = 255

_NAMESPACE = b"pneumostream/job/1\n"
_RANDOM_BITS = (1 << 80) - 1


def is_idempotency_key(key: str) -> bool:
    """Tell whether a header's value may be a key: printable ASCII, not empty, bounded."""
    return 0 < len(key) <= MAX_KEY_CHARS and all(" " <= c <= "~" for c in key)


def job_id_of(key: str) -> str:
    """Give the id that this key has, in every gateway and for ever.

    A UUIDv7 in form, whose random bits are the sha256 of the key and whose time is zero, so that
    it cannot meet an id that was made at some time.
    """
    digest = hashlib.sha256(_NAMESPACE + key.encode()).digest()
    number = int.from_bytes(digest) & _RANDOM_BITS
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=number))
