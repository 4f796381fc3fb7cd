"""Consumers that read single partitions on demand: connected once, lent to one user at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer

from gateway.ports import LookupBusyError
from shared.kafka.clients import stop_client


class ReaderPool:
    """At most `size` consumers, each made when it is first needed and kept from then on.

    A consumer whose user failed, or was cancelled, may be in any state: it is closed, and the
    next user gets a new one.
    """

    def __init__(
        self, new_reader: Callable[[], AIOKafkaConsumer], *, size: int, max_waiting: int
    ) -> None:
        """max_waiting: users that wait for a consumer at once."""
        self._new_reader = new_reader
        self._slots = asyncio.Semaphore(size)
        self._max_waiting = max_waiting
        self._waiting = 0
        self._idle: list[AIOKafkaConsumer] = []

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        """Lend a started consumer for the block.

        Raises LookupBusyError if too many wait already, aiokafka.errors.KafkaError if the broker
        cannot be reached.
        """
        async with self._slot():
            consumer = self._idle.pop() if self._idle else await self._started()
            is_whole = False
            try:
                yield consumer
                # Paused, it fetches nothing. Unsubscribed, it would request all topics' metadata.
                consumer.pause(*consumer.assignment())
                is_whole = True
            finally:
                if is_whole:
                    self._idle.append(consumer)
                else:
                    await stop_client(consumer)

    async def close(self) -> None:
        """Close what is idle; nothing may be lent any more."""
        while self._idle:
            await stop_client(self._idle.pop())

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._waiting >= self._max_waiting:
            raise LookupBusyError
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    async def _started(self) -> AIOKafkaConsumer:
        consumer = self._new_reader()
        try:
            await consumer.start()
        except BaseException:
            await stop_client(consumer)
            raise
        return consumer
