"""`train.commands`: one command at a time, its offset committed once it is answered."""

from dataclasses import replace
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.annotations import KafkaMessage as Received

from shared.kafka.clients import SESSION_TIMEOUT_MS
from shared.kafka.publisher import BrokerUnavailableError
from trainer.service.jobs import JobService

GROUP = "trainer"
_log = structlog.get_logger(__name__)


class Commands:
    """The subscription to the commands topic."""

    def __init__(self, broker: KafkaBroker, topic: str, service: JobService) -> None:
        self._service = service
        self._subscriber = broker.subscriber(
            topic,
            group_id=GROUP,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
        )
        self._subscriber(self._on_train_model, parser=_without_headers, decoder=_leave_encoded)

    @property
    def is_assigned(self) -> bool:
        """Say whether the group gave this process a partition."""
        consumer = self._subscriber.consumer
        return consumer is not None and bool(consumer.assignment())

    async def _on_train_model(self, message: Received) -> None:
        try:
            await self._service.take(message.body)
        except BrokerUnavailableError as error:
            # Back to the same record; the publisher's own time limit paces this loop.
            _log.warning("answer not confirmed, trying again", error=str(error))
            await message.nack()
        except Exception:  # noqa: BLE001
            # The boundary: a bug costs its own command, not the ones behind it.
            _log.exception("command failed")
            await message.ack()
        else:
            await message.ack()


async def _without_headers(record: "ConsumerRecord[Any, Any]", parse: Any) -> Any:
    # FastStream's parser decodes every header; one that is not UTF-8 raises where nobody
    # listens, and its record is passed by without a word. A command needs no header.
    return await parse(replace(record, headers=()))


async def _leave_encoded(message: KafkaMessage) -> bytes:
    # FastStream would guess at JSON; the contract's own model reads the bytes.
    body: bytes = message.body
    return body
