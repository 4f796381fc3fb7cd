"""Wait until a cluster answers: metadata that lists a broker, nothing less."""

import asyncio
import logging
from collections.abc import Callable

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.kafka.settings import KafkaSettings

_POLL_S = 0.1
_ASK_TIMEOUT_S = 5.0


async def wait_for_kafka(
    settings: KafkaSettings, *, timeout_s: float, check: Callable[[], None] = lambda: None
) -> None:
    """Return once metadata lists a broker.

    check is called between two attempts and may raise, for example when the process has died.
    Raises TimeoutError when timeout_s has passed.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # refused connections are expected
    async with asyncio.timeout(timeout_s):
        while not await is_kafka_ready(settings):
            check()
            await asyncio.sleep(_POLL_S)


async def is_kafka_ready(settings: KafkaSettings) -> bool:
    """Ask once whether a broker answers and lists at least one broker."""
    client = AIOKafkaClient(**settings.client_options())
    try:
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            await client.bootstrap()
            return bool(client.cluster.brokers())
    except (KafkaError, OSError):  # TimeoutError is an OSError
        return False
    finally:
        await client.close()
