import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from embedded.errors import PortTakenError
from embedded.kafka.process import RestartableBroker
from embedded.kafka.readiness import is_kafka_ready
from shared.contracts.topics import ALL_TOPICS, MAX_IMAGE_BYTES, PREDICT_REQUESTS, PREDICT_RESULTS
from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings

pytestmark = pytest.mark.kafka

TIMEOUT_S = 30


async def produce(settings: KafkaSettings, topic: str, value: bytes) -> None:
    options = settings.client_options() | {"max_request_size": 2 * MAX_IMAGE_BYTES}
    async with AIOKafkaProducer(acks="all", **options) as producer:
        await asyncio.wait_for(producer.send_and_wait(topic, value, key=b"id"), TIMEOUT_S)


async def consume_one(settings: KafkaSettings, topic: str, group: str | None = None) -> bytes:
    options = settings.client_options() | {"auto_offset_reset": "earliest", "group_id": group}
    limits = {"max_partition_fetch_bytes": 2 * MAX_IMAGE_BYTES, "session_timeout_ms": 6000}
    async with AIOKafkaConsumer(topic, **options, **limits) as consumer:
        record = await asyncio.wait_for(consumer.getone(), TIMEOUT_S)
        return bytes(record.value)


async def topic_settings(settings: KafkaSettings, name: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    finally:
        await admin.close()
    entries: list[Any] = answer.resources[0][4]
    return {entry[0]: entry[1] for entry in entries}


async def test_topics_have_their_declared_partitions_and_settings(
    kafka_settings: KafkaSettings,
) -> None:
    admin = AIOKafkaAdminClient(**kafka_settings.client_options())
    await admin.start()
    try:
        for spec in (s.prefixed(kafka_settings.topic_prefix) for s in ALL_TOPICS):
            (found,) = await admin.describe_topics([spec.name])
            assert len(found["partitions"]) == spec.partitions
            settings = await topic_settings(kafka_settings, spec.name)
            assert {key: settings[key] for key in spec.config} == dict(spec.config)
    finally:
        await admin.close()


async def test_creating_the_topics_again_changes_nothing(kafka_settings: KafkaSettings) -> None:
    report = await create_topics(kafka_settings)
    assert report.created == ()
    assert report.too_few_partitions == {}


async def test_a_topic_that_nobody_declared_is_not_made(kafka_settings: KafkaSettings) -> None:
    with pytest.raises((KafkaError, TimeoutError)):
        async with asyncio.timeout(3):
            await produce(kafka_settings, f"{kafka_settings.topic_prefix}undeclared", b"x")


async def test_the_largest_image_makes_the_round_trip(kafka_settings: KafkaSettings) -> None:
    topic = PREDICT_REQUESTS.prefixed(kafka_settings.topic_prefix).name
    image = bytes(MAX_IMAGE_BYTES)
    await produce(kafka_settings, topic, image)
    assert await consume_one(kafka_settings, topic, group=f"{topic}.readers") == image


async def test_a_broker_keeps_its_data_over_a_stop_and_over_a_kill(
    restartable_broker: RestartableBroker,
) -> None:
    settings = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(settings, [PREDICT_RESULTS])
    await produce(settings, PREDICT_RESULTS.name, b"kept")
    for end in (restartable_broker.stop, restartable_broker.kill):
        await asyncio.to_thread(end)
        assert not await is_kafka_ready(settings)
        await asyncio.to_thread(restartable_broker.start)
        assert await consume_one(settings, PREDICT_RESULTS.name) == b"kept"


def test_a_broker_whose_port_is_taken_says_so(restartable_broker: RestartableBroker) -> None:
    with pytest.raises(PortTakenError, match=str(restartable_broker.config.port)):
        RestartableBroker(restartable_broker.config).start()
