"""What the broker knows of a group's offsets, asked over connections of its own.

A consumer that hangs cannot be asked whether it hangs; and aiokafka's consumers give the committed
offset without its metadata. Asked at each rebalance and by idle consumers: rarely.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from inference_worker.core.handovers import Committed
from inference_worker.ports import Partition
from shared.kafka.clients import new_consumer, started
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings

_TIMEOUT_S = 5.0
_REQUEST_TIMEOUT_MS = 4_000


class KafkaOffsets:
    """Offsets of one group, as the broker tells them now."""

    def __init__(self, settings: KafkaSettings, *, client_id: str, group_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._group_id = group_id

    async def committed(self, partitions: Sequence[Partition]) -> dict[Partition, Committed]:
        """Give what the group committed last. Raises BrokerUnavailableError."""
        asked = [TopicPartition(*partition) for partition in partitions]
        async with _bounded(), self._admin() as admin:
            found = await admin.list_consumer_group_offsets(self._group_id, partitions=asked)
        if missing := [partition for partition in asked if partition not in found]:
            # How aiokafka shows that the coordinator is still loading.
            raise BrokerUnavailableError(f"no word of {len(missing)} partitions")
        return {p: Committed(said.offset, said.metadata or "") for p, said in found.items()}

    async def bounds(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        """Give the first offset held and that of the record to come.

        Raises BrokerUnavailableError.
        """
        asked = [TopicPartition(*partition) for partition in partitions]
        consumer = new_consumer(self._settings, client_id=self._client_id)
        async with _bounded(), started(consumer):
            first = await consumer.beginning_offsets(asked)
            end = await consumer.end_offsets(asked)
        return {partition: (first[partition], end[partition]) for partition in asked}

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(
            **self._settings.client_options(),
            client_id=self._client_id,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            yield
    except (KafkaError, TimeoutError, AttributeError) as error:
        # AttributeError: aiokafka looks an error code up where this answer has none.
        raise BrokerUnavailableError(repr(error)) from error
