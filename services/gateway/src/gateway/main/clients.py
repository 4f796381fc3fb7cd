"""The gateway's connections: opened together, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from gateway.settings import Settings
from shared.control_client import ControlClient, new_control_client
from shared.kafka.clients import new_consumer, new_producer, started, stop_client


@dataclass(frozen=True, slots=True)
class Clients:
    """requests: for predictions alone. uploads: its own, since a producer sends one at a time.

    metadata_client: consumes nothing, only queries topic metadata and end offsets.
    groups: queries the committed offsets of consumer groups.
    """

    requests: AIOKafkaProducer
    uploads: AIOKafkaProducer
    metadata_client: AIOKafkaConsumer
    groups: AIOKafkaAdminClient
    control: ControlClient

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Connect to Kafka, waiting until it is reachable, for the length of the block."""
        async with AsyncExitStack() as stack:
            for client in (self.requests, self.uploads, self.metadata_client, self.groups):
                await stack.enter_async_context(started(client, patient=True))
            yield


@asynccontextmanager
async def open_clients(settings: Settings) -> AsyncIterator[Clients]:
    """Make the clients, without connecting to Kafka or the registry."""
    async with new_control_client(
        settings.registry_url, timeout_s=settings.registry_timeout_s
    ) as control:
        clients = Clients(
            requests=new_producer(settings.kafka, client_id=settings.id),
            uploads=new_producer(settings.kafka, client_id=f"{settings.id}-uploads"),
            metadata_client=new_consumer(settings.kafka, client_id=f"{settings.id}-probe"),
            groups=AIOKafkaAdminClient(
                **settings.kafka.client_options(), client_id=f"{settings.id}-groups"
            ),
            control=control,
        )
        try:
            yield clients
        finally:
            # Also those that never connected; closing a client twice is harmless.
            for client in (
                clients.requests,
                clients.uploads,
                clients.metadata_client,
                clients.groups,
            ):
                await stop_client(client)
