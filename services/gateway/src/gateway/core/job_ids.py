"""The id of a training job, derived from the client's `Idempotency-Key`."""

import hashlib
from uuid import UUID

MAX_KEY_CHARS = 255

_NAMESPACE = b"pneumostream/job/1\n"
_RANDOM_BITS = (1 << 80) - 1


def is_idempotency_key(key: str) -> bool:
    """Return whether a value is a valid key: printable ASCII, not empty, bounded."""
    return 0 < len(key) <= MAX_KEY_CHARS and all(" " <= c <= "~" for c in key)


def job_id_of(key: str) -> str:
    """Return the job id of a key; every gateway derives the same one.

    The id has the form of a UUIDv7. Its random bits are from the sha256 of the key and its time
    is zero, so that it cannot collide with a generated id.
    """
    digest = hashlib.sha256(_NAMESPACE + key.encode()).digest()
    number = int.from_bytes(digest) & _RANDOM_BITS
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=number))
