"""Single records of `predict.dlq`: read with their image, noted, and deleted from the front."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from operations.core.dead_letters import LogPosition, Mark, note_headers
from operations.ports import Letter, TopicUnreadableError
from shared.contracts.dead_letters import parse_dead_letter
from shared.kafka.clients import new_consumer, started
from shared.kafka.publisher import Publisher
from shared.kafka.settings import KafkaSettings

_READ_TIMEOUT_S = 15.0


class KafkaDeadLetters:
    """The topic, of which only one image at a time is in memory."""

    def __init__(self, settings: KafkaSettings, topic: str, publisher: Publisher) -> None:
        self._settings = settings
        self._topic = topic
        self._publisher = publisher

    async def fetch(self, place: LogPosition) -> Letter:
        """Read one dead letter whole. Raises TopicUnreadableError."""
        consumer = new_consumer(self._settings, client_id="operations", fetch_max_wait_ms=100)
        try:
            async with started(consumer), asyncio.timeout(_READ_TIMEOUT_S):
                return await self._fetch(consumer, place)
        except (KafkaError, TimeoutError) as error:
            raise TopicUnreadableError(f"{self._topic}: {error!r}") from error

    async def _fetch(self, consumer: AIOKafkaConsumer, place: LogPosition) -> Letter:
        where = TopicPartition(self._topic, place.partition)
        consumer.assign([where])
        consumer.seek(where, place.offset)
        record = await consumer.getone(where)
        if record.offset != place.offset:
            raise TopicUnreadableError(f"{self._topic}: the record is past its retention")
        return Letter(parse_dead_letter(record.headers), record.value or b"")

    async def note(self, id_: str, mark: Mark, at_ms: int, new_id: str = "") -> None:
        """Put a note under a dead letter's id. Raises BrokerUnavailableError."""
        headers = note_headers(mark, at_ms, new_id)
        await self._publisher.publish(self._topic, key=id_, value=None, headers=headers)

    async def delete_before(self, offsets: Mapping[int, int]) -> None:
        """Delete the front of each partition. Raises TopicUnreadableError."""
        records = {
            TopicPartition(self._topic, number): RecordsToDelete(before_offset=offset)
            for number, offset in offsets.items()
        }
        try:
            async with started(AIOKafkaAdminClient(**self._settings.client_options())) as admin:
                await admin.delete_records(records)
        except KafkaError as error:
            raise TopicUnreadableError(f"{self._topic}: {error!r}") from error
