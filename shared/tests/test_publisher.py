"""A publisher that the broker no longer believes begins anew."""

import asyncio

import pytest
from aiokafka import TopicPartition

from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.publisher import BrokerUnavailableError, KafkaPublisher

pytestmark = pytest.mark.kafka


async def test_sequence_numbers_that_were_lost_stop_no_later_record(kafka_settings):
    topic = f"{kafka_settings.topic_prefix}workers.status"
    async with (
        started(new_producer(kafka_settings, client_id="test")) as producer,
        started(new_consumer(kafka_settings, client_id="test")) as consumer,
    ):
        publisher = KafkaPublisher(producer, timeout_s=10)
        await publisher.publish(topic, key="a", value=b"1")
        # What aiokafka leaves behind of a batch that it gave up.
        producer._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 1)
        with pytest.raises(BrokerUnavailableError, match="OutOfOrderSequenceNumber"):
            await publisher.publish(topic, key="a", value=b"2")
        for value in (b"3", b"4"):
            await publisher.publish(topic, key="a", value=value)
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        async with asyncio.timeout(20):
            values = [(await consumer.getone()).value for _ in range(3)]
    assert values == [b"1", b"3", b"4"]


async def test_many_refused_at_once_renew_the_producer_once(kafka_settings):
    topic = f"{kafka_settings.topic_prefix}workers.status"
    async with started(new_producer(kafka_settings, client_id="test")) as producer:
        publisher = KafkaPublisher(producer, timeout_s=10)
        await publisher.publish(topic, key="a", value=b"1")
        producer._txn_manager.increment_sequence_number(TopicPartition(topic, 0), 1)

        async def until_confirmed() -> None:
            while True:
                try:
                    await publisher.publish(topic, key="a", value=b"2")
                except BrokerUnavailableError:
                    continue
                return

        async with asyncio.timeout(30):
            await asyncio.gather(*(until_confirmed() for _ in range(50)))
