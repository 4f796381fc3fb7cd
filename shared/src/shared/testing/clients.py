"""Every kind of Kafka client that the services use, tried at one broker."""

import asyncio

from aiokafka import TopicPartition

from shared.contracts.topics import TRAIN_COMMANDS
from shared.kafka.admin import create_topics
from shared.kafka.brokers import new_broker
from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.settings import KafkaSettings

_TIMEOUT_S = 30


async def every_client_gets_in(settings: KafkaSettings) -> None:
    """Create topics, publish by aiokafka and by FastStream, and read both records back.

    Raises AssertionError if other records come, TimeoutError, aiokafka.errors.KafkaError.
    """
    await create_topics(settings)  # the admin client
    topic = TRAIN_COMMANDS.name
    async with started(new_producer(settings, client_id="p")) as producer:
        await producer.send_and_wait(topic, b"from aiokafka")
    async with new_broker(settings, client_id="b") as broker:
        await broker.publish(b"from faststream", topic)
    async with started(new_consumer(settings, client_id="c")) as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        async with asyncio.timeout(_TIMEOUT_S):
            values = [(await consumer.getone()).value for _ in range(2)]
    assert values == [b"from aiokafka", b"from faststream"]
