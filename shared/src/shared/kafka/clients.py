"""The clients every service uses, with the choices that matter made once.

Producers are idempotent and wait for all replicas; consumers never commit by themselves; one
assignor for every group, because a group must agree on it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaConnectionError
from aiokafka.producer.transaction_manager import (
    NO_PRODUCER_EPOCH,
    NO_PRODUCER_ID,
    PidAndEpoch,
)
from aiokafka.util import create_future

from shared.contracts.topics import MAX_DEAD_LETTER_BYTES, MAX_RECORD_BYTES
from shared.kafka.settings import KafkaSettings
from shared.kafka.unreachable import explain_unreachable

_log = structlog.get_logger(__name__)
SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_MS = 500
"""A member learns from its next heartbeat that another came or left; until then what the one that
left had waits. A twelfth of the session, where a third is the most that Kafka advises."""
STOP_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_MS = 10_000
_START_GRACE_S = 2.0
_FETCH_MAX_BYTES = 32 * 1024 * 1024

_FIRST_DELAY_S = 0.5
_MAX_DELAY_S = 10.0

AnyClient: TypeAlias = AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient
Client = TypeVar("Client", AIOKafkaProducer, AIOKafkaConsumer, AIOKafkaAdminClient)


def new_producer(
    settings: KafkaSettings, *, client_id: str, max_record_bytes: int = MAX_RECORD_BYTES
) -> AIOKafkaProducer:
    """Make a producer whose confirmed sends survive any single broker.

    max_record_bytes: of one record, headers included; larger ones are refused without being sent.
    """
    return AIOKafkaProducer(
        **settings.client_options(),
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_request_size=max_record_bytes,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


def new_consumer(
    settings: KafkaSettings, *, client_id: str, group_id: str | None = None, **options: Any
) -> AIOKafkaConsumer:
    """Make a consumer, in a group or without one; offsets are committed by hand only."""
    return AIOKafkaConsumer(
        **settings.client_options(),
        client_id=client_id,
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(StickyPartitionAssignor,),
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        max_partition_fetch_bytes=MAX_DEAD_LETTER_BYTES,
        fetch_max_bytes=_FETCH_MAX_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        **options,
    )


@asynccontextmanager
async def started(client: Client, *, patient: bool = False) -> AsyncIterator[Client]:
    """Have a client started within the block, and closed after it, whatever happens.

    patient: a broker that cannot be reached is waited for, with a line in the log for each attempt.
    Else raises aiokafka.errors.KafkaError, which says why.
    """
    try:
        await (_start_patiently(client) if patient else _start(client))
        yield client
    finally:
        await stop_client(client)


@asynccontextmanager
async def started_unless(stop: asyncio.Event, client: Client) -> AsyncIterator[bool]:
    """Wait for the broker as a patient `started` does; give False if `stop` came first."""
    starting = asyncio.ensure_future(_start_patiently(client))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        yield starting.done()
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await stop_client(client)


async def _start_patiently(client: AnyClient) -> None:
    delay_s = _FIRST_DELAY_S
    while True:
        try:
            return await _start(client)
        except KafkaConnectionError as error:
            # Its text begins with its type.
            _log.warning("Kafka cannot be reached yet", reason=error.args[0], again_in_s=delay_s)
        await asyncio.sleep(delay_s)
        delay_s = min(2 * delay_s, _MAX_DELAY_S)


async def _start(client: AnyClient) -> None:
    starting = asyncio.ensure_future(client.start())
    try:
        # Cancelled half-way, aiokafka leaves the connection that it began with to the collector.
        await asyncio.shield(starting)
    except KafkaConnectionError as error:
        raise type(error)(await explain_unreachable(_connections(client))) from None
    except asyncio.CancelledError:
        await asyncio.wait({starting}, timeout=_START_GRACE_S)
        starting.cancel()
        raise


async def stop_client(client: AnyClient) -> None:
    """Close a client, within a bound: an idempotent producer waits without end for a frozen broker.

    What was not confirmed by then was never promised to anybody.
    """
    # Not `asyncio.timeout`: what stops in there may take the cancellation for its own.
    admin = isinstance(client, AIOKafkaAdminClient)
    stopping = asyncio.ensure_future(client.close() if admin else client.stop())
    await asyncio.wait({stopping}, timeout=STOP_TIMEOUT_S)
    if not stopping.done():
        _log.warning("a Kafka client did not close in time", timeout_s=STOP_TIMEOUT_S)
        stopping.cancel()
        await _connections(client).close()
    elif not stopping.cancelled() and (error := stopping.exception()):
        _log.warning("a Kafka client did not close well", error=repr(error))


def renew_identity(producer: AIOKafkaProducer) -> None:
    """Have an idempotent producer ask for a new id, and count its records from 0 again.

    A batch that aiokafka gives up (of a broker that restarts, the partition has no leader yet) has
    used up sequence numbers that the broker never sees: it refuses all later ones, without end.
    What is under way keeps the old id; a record sent again may be there twice, once under each.
    """
    manager = producer._txn_manager  # noqa: SLF001
    if manager is None:  # not idempotent: there is no id
        return
    manager._pid_and_epoch = PidAndEpoch(NO_PRODUCER_ID, NO_PRODUCER_EPOCH)  # noqa: SLF001
    manager._pid_waiter = create_future()  # noqa: SLF001
    manager._sequence_numbers.clear()  # noqa: SLF001


def _connections(client: AnyClient) -> AIOKafkaClient:
    return client.client if isinstance(client, AIOKafkaProducer) else client._client  # noqa: SLF001
