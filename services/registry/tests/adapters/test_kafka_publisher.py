import asyncio
import gc
import time

import pytest

from embedded.kafka.process import RestartableBroker
from registry.adapters.kafka_publisher import new_open_publisher
from shared.contracts.topics import MODELS_EVENTS
from shared.kafka.admin import create_topics
from shared.kafka.publisher import BrokerUnavailableError
from shared.kafka.settings import KafkaSettings


async def test_without_a_broker_opening_fails_at_once_and_leaves_nothing_running() -> None:
    open_publisher = new_open_publisher(
        KafkaSettings(bootstrap_servers="127.0.0.1:1"), timeout_s=5.0
    )
    with pytest.raises(BrokerUnavailableError):
        async with open_publisher():
            pass
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.kafka
async def test_a_broker_that_freezes_in_mid_send_is_given_up_within_bounds(
    restartable_broker: RestartableBroker, caplog: pytest.LogCaptureFixture
) -> None:
    settings = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    await create_topics(settings, [MODELS_EVENTS])
    open_publisher = new_open_publisher(settings, timeout_s=0.5)
    topic = MODELS_EVENTS.name

    async def send_into_the_frost(done: asyncio.Event) -> None:
        async with open_publisher() as publisher:
            await publisher.publish(topic, key="k", value=b"1")
            restartable_broker.pause()
            done.set()
            await publisher.publish(topic, key="k", value=b"2")

    started = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        await send_into_the_frost(asyncio.Event())
    assert time.monotonic() - started < 5
    assert asyncio.all_tasks() == {asyncio.current_task()}

    restartable_broker.resume()
    frozen = asyncio.Event()
    sending = asyncio.create_task(send_into_the_frost(frozen))
    await frozen.wait()
    sending.cancel()
    started = time.monotonic()
    await asyncio.gather(sending, return_exceptions=True)
    assert time.monotonic() - started < 3

    restartable_broker.resume()
    async with asyncio.timeout(10), open_publisher() as publisher:
        await publisher.publish(topic, key="k", value=b"2")
    gc.collect()
    assert [r.getMessage() for r in caplog.records if r.name == "asyncio"] == []
