"""A producer for as long as a burst of events lasts.

Not `shared.kafka.clients.new_producer`: its idempotent sends are never given up, and closing it
waits for them, so over an outage it would collect a copy of the waiting event with every attempt
and deliver all of them later. Here one record is in flight at a time and the outbox repeats what
was not confirmed, so idempotence would add nothing; a plain producer fails within its timeout,
and none of its records arrives after it was closed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from registry.ports import OpenPublisher
from shared.kafka.publisher import BrokerUnavailableError, KafkaPublisher, Publisher
from shared.kafka.settings import KafkaSettings

_log = structlog.get_logger(__name__)

_LEAVE_S = 1.0
"""Time that closing may take while the process is asked to stop, seconds."""


def new_open_publisher(settings: KafkaSettings, *, timeout_s: float) -> OpenPublisher:
    """Make the function that opens a Publisher; connecting and each send end in `timeout_s`."""

    @asynccontextmanager
    async def open_publisher() -> AsyncIterator[Publisher]:
        producer = AIOKafkaProducer(
            **settings.client_options(),
            client_id="registry",
            acks="all",
            linger_ms=0,
            request_timeout_ms=round(timeout_s * 1000),
        )
        # Bounded by the request's time; cancelled, it would leave its first connection open.
        starting = asyncio.ensure_future(producer.start())
        try:
            await _connected(starting)
            yield KafkaPublisher(producer, timeout_s=timeout_s)
        finally:
            try:
                await asyncio.wait({starting}, timeout=timeout_s)
            finally:
                starting.cancel()
                await _stop(producer, timeout_s)

    return open_publisher


async def _connected(starting: "asyncio.Future[None]") -> None:
    try:
        await asyncio.shield(starting)
    except (KafkaError, TimeoutError, OSError) as error:
        raise BrokerUnavailableError(f"cannot connect: {error!r}") from error


async def _stop(producer: AIOKafkaProducer, timeout_s: float) -> None:
    # What was not sent expires after the producer's own timeout: wait for that, lest it arrives
    # late, behind newer events.
    task = asyncio.current_task()
    within_s = _LEAVE_S if task is not None and task.cancelling() else 3 * timeout_s + _LEAVE_S
    try:
        async with asyncio.timeout(within_s):
            await producer.stop()
    except (KafkaError, TimeoutError, OSError) as error:
        _log.warning("producer not closed in time", error=repr(error))
        await producer.client.close()
