"""Where each partition of `uploads.labelled` ends now, for a deletion to note."""

import asyncio
from collections.abc import Mapping

import structlog
from aiokafka.errors import KafkaError

from shared.contracts.topics import UPLOADS_LABELLED
from shared.kafka.clients import new_consumer, started
from shared.kafka.settings import KafkaSettings
from shared.observability.error_words import kind_of

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 2.0
"""A deletion waits this long for the broker at most; without an answer its time is noted alone."""


class KafkaUploadEnds:
    """An UploadEnds: a consumer for each question, because deletions are rare."""

    def __init__(self, kafka: KafkaSettings, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._kafka = kafka
        self._timeout_s = timeout_s
        self._asking: set[asyncio.Task[Mapping[int, int]]] = set()

    async def __call__(self) -> Mapping[int, int] | None:
        """Give the offset of the next record by partition; None if the broker does not answer."""
        asking = asyncio.create_task(self._ask())
        # Closing a client of a frozen broker takes seconds; it goes on in the background.
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        await asyncio.wait({asking}, timeout=self._timeout_s)
        if not asking.done():
            asking.cancel()
            _log.warning("end of uploads unknown, a deletion is noted by its time", error="timeout")
            return None
        try:
            return asking.result() or None
        except (KafkaError, TimeoutError, OSError) as error:
            _log.warning(
                "end of uploads unknown, a deletion is noted by its time", error=kind_of(error)
            )
            return None

    async def _ask(self) -> Mapping[int, int]:
        topic = UPLOADS_LABELLED.prefixed(self._kafka.topic_prefix).name
        consumer = new_consumer(self._kafka, client_id="registry-ends")
        consumer.subscribe([topic])  # without a group: every partition
        async with started(consumer):
            ends = await consumer.end_offsets(consumer.assignment())
        return {partition.partition: offset for partition, offset in ends.items()}
