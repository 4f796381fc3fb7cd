"""The broker: events out, uploads in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from shared.kafka.publisher import Publisher

OpenPublisher: TypeAlias = Callable[[], AbstractAsyncContextManager[Publisher]]
"""Opens a Publisher for one burst of events. Entering it raises BrokerUnavailableError."""


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """A record of `uploads.labelled` as it came. made_at_ms: when it was produced, unix ms."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    made_at_ms: int


class UploadFeed(Protocol):
    """Uploads in the order of their partitions. Methods raise BrokerUnavailableError."""

    async def take(self) -> Sequence[UploadRecord]:
        """Wait a while for records, and give those that are there: few, perhaps none."""
        ...

    async def commit(self) -> None:
        """Never give again what was taken; what is not committed comes again after a reopening."""
        ...

    def waiting(self) -> int:
        """Count the records that are known to lie behind what was committed."""
        ...


OpenUploads: TypeAlias = Callable[[], AbstractAsyncContextManager[UploadFeed]]
"""Opens an UploadFeed. Entering it raises BrokerUnavailableError."""

UploadEnds: TypeAlias = Callable[[], Awaitable[Mapping[int, int] | None]]
"""Gives, by partition of `uploads.labelled`, the offset of the next record; None if unknown."""
