"""`train.commands`: a command wakes the runner; the job itself is the registry's to give."""

from dataclasses import replace
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.annotations import KafkaMessage as Received

from shared.kafka.clients import SESSION_TIMEOUT_MS
from trainer.service.jobs import CommandService


class Commands:
    """The subscription to the commands topic. group: its name on the cluster."""

    def __init__(
        self, broker: KafkaBroker, topic: str, service: CommandService, *, group: str
    ) -> None:
        self._service = service
        self._subscriber = broker.subscriber(
            topic,
            group_id=group,
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
        self._service.take(message.body)
        await message.ack()


async def _without_headers(record: "ConsumerRecord[Any, Any]", parse: Any) -> Any:
    # FastStream's parser decodes every header; one that is not UTF-8 raises where nobody
    # listens, and its record is passed by without a word. A command needs no header.
    return await parse(replace(record, headers=()))


async def _leave_encoded(message: KafkaMessage) -> bytes:
    # FastStream would guess at JSON; the contract's own model reads the bytes.
    body: bytes = message.body
    return body
