"""Uploads from memory, for tests of everything behind the broker."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from registry.ports import UploadFeed, UploadRecord
from shared.kafka.publisher import BrokerUnavailableError


class MemoryUploads:
    """Keeps what was sent, in order; `open` is an OpenUploads.

    committed: how many records never come again. is_reachable: whether a feed can be opened.
    loses: how many of the next commits fail.
    """

    def __init__(self) -> None:
        self.records: list[UploadRecord] = []
        self.committed = 0
        self.is_reachable = True
        self.loses = 0
        self._position = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[UploadFeed]:
        """Begin behind what was committed. Raises BrokerUnavailableError."""
        if not self.is_reachable:
            raise BrokerUnavailableError("the broker in memory is away")
        self._position = self.committed
        yield self

    async def take(self) -> Sequence[UploadRecord]:
        """Give the records that are there, after a moment."""
        await asyncio.sleep(0.005)
        taken = self.records[self._position :]
        self._position += len(taken)
        return taken

    async def commit(self) -> None:
        """Keep the position. Raises BrokerUnavailableError."""
        if self.loses > 0:
            self.loses -= 1
            raise BrokerUnavailableError("the broker in memory lost a commit")
        self.committed = self._position

    async def ends(self) -> Mapping[int, int]:
        """Give the offset of the next record by partition; this is an UploadEnds."""
        found: dict[int, int] = {}
        for record in self.records:
            found[record.partition] = max(found.get(record.partition, 0), record.offset + 1)
        return found

    def waiting(self) -> int:
        """Count what lies behind what was committed."""
        return len(self.records) - self.committed
