"""A broker in memory that can be away, for tests of everything before the broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.kafka.publisher import BrokerUnavailableError, Headers, Place, Publisher


class MemoryBroker:
    """Keeps what was confirmed, in order; `open` is an OpenPublisher.

    is_reachable: whether a publisher can be opened. loses: how many of the next sends fail.
    """

    def __init__(self) -> None:
        self.is_reachable = True
        self.loses = 0
        self.attempts = 0
        self.records: list[tuple[str, str, bytes | None]] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Publisher]:
        """Connect. Raises BrokerUnavailableError."""
        self.attempts += 1
        if not self.is_reachable:
            raise BrokerUnavailableError("the broker in memory is away")
        yield self

    async def publish(
        self, topic: str, *, key: str, value: bytes | None, headers: Headers = ()
    ) -> Place:
        """Return when the record is kept. Raises BrokerUnavailableError."""
        del headers
        if self.loses > 0:
            self.loses -= 1
            raise BrokerUnavailableError("the broker in memory lost a record")
        self.records.append((topic, key, value))
        return Place(0, len(self.records) - 1)
