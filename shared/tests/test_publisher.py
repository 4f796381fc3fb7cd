"""A publisher that the broker no longer believes begins anew."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
    UnknownError,
)

from shared.contracts.topics import MAX_DEAD_LETTER_BYTES, PREDICT_DLQ
from shared.kafka.admin import create_topics
from shared.kafka.clients import new_consumer, new_producer, started
from shared.kafka.publisher import BrokerUnavailableError, KafkaPublisher, RecordRefusedError

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


class Raising:
    """A producer whose confirmations fail."""

    _txn_manager = None

    def __init__(self, error):
        self._error = error

    async def send(self, topic, **record):
        confirmed = asyncio.get_running_loop().create_future()
        confirmed.set_exception(self._error)
        return confirmed


@pytest.mark.parametrize(
    ("error", "kind", "too_large"),
    [
        (MessageSizeTooLargeError(), RecordRefusedError, True),
        (TopicAuthorizationFailedError(), RecordRefusedError, False),
        (PolicyViolationError(), RecordRefusedError, False),
        (NotEnoughReplicasError(), BrokerUnavailableError, None),
        (KafkaTimeoutError(), BrokerUnavailableError, None),
        (UnknownError(), BrokerUnavailableError, None),
    ],
)
async def test_what_never_passes_is_told_from_what_may(error, kind, too_large):
    with pytest.raises(kind) as raised:
        await KafkaPublisher(Raising(error), timeout_s=10).publish("t", key="a", value=b"1")
    assert getattr(raised.value, "too_large", None) is too_large


async def test_a_record_larger_than_the_topic_takes_is_refused_and_the_next_is_confirmed(
    kafka_settings,
):
    small = replace(PREDICT_DLQ, name="small", config={"max.message.bytes": "2000"})
    await create_topics(kafka_settings, [small])
    topic = f"{kafka_settings.topic_prefix}small"
    async with started(new_producer(kafka_settings, client_id="test")) as producer:
        publisher = KafkaPublisher(producer, timeout_s=10)
        for _ in range(2):
            with pytest.raises(RecordRefusedError) as raised:
                await publisher.publish(topic, key="a", value=bytes(3000))
            assert raised.value.too_large
            await publisher.publish(topic, key="a", value=b"1")


async def test_topics_of_an_earlier_release_take_larger_records_after_an_upgrade(kafka_settings):
    before = replace(
        PREDICT_DLQ, name="upgraded", config=PREDICT_DLQ.config | {"max.message.bytes": "8454144"}
    )
    after = replace(PREDICT_DLQ, name="upgraded")
    name = f"{kafka_settings.topic_prefix}upgraded"
    await create_topics(kafka_settings, [before])
    async with asyncio.timeout(60):
        # A topic that was made just now is not listed at once.
        while not (report := await create_topics(kafka_settings, [after])).raised:
            assert report.created == ()
            await asyncio.sleep(0.1)
    assert (report.raised, report.too_small) == ((name,), {})
    again = await create_topics(kafka_settings, [after])
    assert again.raised == ()
    # Nothing else of it was changed.
    admin = AIOKafkaAdminClient(**kafka_settings.client_options())
    await admin.start()
    try:
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    finally:
        await admin.close()
    ((_, _, _, _, entries),) = response.resources
    own = {entry[0]: entry[1] for entry in entries if entry[3] == 1}
    assert own == dict(after.config)
    assert own["max.message.bytes"] == str(MAX_DEAD_LETTER_BYTES)
