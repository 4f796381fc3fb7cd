"""The gateway's connections: opened together, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from gateway.settings import Settings
from shared.control_client import ControlClient, new_control_client
from shared.kafka.clients import new_consumer, new_producer, started


@dataclass(frozen=True, slots=True)
class Clients:
    """requests: for predictions alone. uploads: its own, since a producer sends one at a time.

    lookout: reads nothing; asks for metadata and ends. groups: asks for committed offsets.
    """

    requests: AIOKafkaProducer
    uploads: AIOKafkaProducer
    lookout: AIOKafkaConsumer
    groups: AIOKafkaAdminClient
    control: ControlClient


@asynccontextmanager
async def open_clients(settings: Settings) -> AsyncIterator[Clients]:
    """Connect to Kafka; of the registry nothing is asked yet, it may be down.

    Raises aiokafka.errors.KafkaError if the broker cannot be reached.
    """
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        yield Clients(
            requests=await enter(started(new_producer(settings.kafka, client_id=settings.id))),
            uploads=await enter(
                started(new_producer(settings.kafka, client_id=f"{settings.id}-uploads"))
            ),
            lookout=await enter(
                started(new_consumer(settings.kafka, client_id=f"{settings.id}-probe"))
            ),
            groups=await enter(_new_admin(settings)),
            control=await enter(
                new_control_client(settings.registry_url, timeout_s=settings.registry_timeout_s)
            ),
        )


@asynccontextmanager
async def _new_admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(
        **settings.kafka.client_options(), client_id=f"{settings.id}-groups"
    )
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
