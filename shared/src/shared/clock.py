"""Time and ids, so that everything else can be handed them."""

import time
from typing import Protocol
from uuid import UUID

import uuid_utils

_VERSION = 7


class Clock(Protocol):
    """Where `now` comes from."""

    def now_ms(self) -> int:
        """Wall-clock time, unix milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never run backwards, for spans."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        """Wall-clock time, unix milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never run backwards, for spans."""
        return time.monotonic()


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562): its first 48 bits are the unix time in milliseconds."""
    return str(uuid_utils.uuid7())


def created_at_ms(id_: str) -> int | None:
    """Give the moment, unix ms, that a UUIDv7 was made; None if it is not one."""
    try:
        uuid = UUID(id_)
    except ValueError:
        return None
    return uuid.int >> 80 if uuid.version == _VERSION and str(uuid) == id_ else None
