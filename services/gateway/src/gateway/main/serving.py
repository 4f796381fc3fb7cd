"""The gateway as a process, and the function that builds it."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp

from gateway.adapters.broker_probe import KafkaProbe
from gateway.adapters.dicom_processes import open_decoders
from gateway.main.asgi import new_asgi_app
from gateway.main.clients import Clients, open_clients
from gateway.main.components import Components
from gateway.main.control_plane import new_control_plane, new_labelled_images
from gateway.main.data_plane import (
    new_decoder_limits,
    new_group_lag,
    new_prediction_service,
    open_outcome_log,
)
from gateway.main.edge import new_connection_limits, refuse_unsafe_start
from gateway.main.topic_readers import new_readers
from gateway.service.predictions import PredictionService
from gateway.settings import Settings
from gateway.subscribers.cluster import ClusterView
from shared.clock import Clock, SystemClock
from shared.http.connections import new_connections
from shared.observability.logs import configure_logs
from shared.observability.process import read_settings, run_service
from shared.observability.serving import serve
from shared.observability.tracing import open_tracing
from shared.observability.watchdog import watched_loop


@dataclass(frozen=True, slots=True)
class Gateway:
    """A constructed gateway; `run` connects it."""

    app: ASGIApp
    components: Components
    clients: Clients

    @property
    def service(self) -> PredictionService:
        """The prediction service that the routes use."""
        return self.components.predictions

    @property
    def probe(self) -> KafkaProbe:
        """The probe of the broker."""
        return self.components.probe

    @property
    def ready(self) -> bool:
        """Whether the broker is reachable and every topic has been read up to its end."""
        return all(self.components.health().values())

    async def run(self) -> None:
        """Connect to Kafka, then follow the topics and the registry, until cancelled."""
        async with self.clients.connected(), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.components.probe.run())
            tasks.create_task(self.components.lag.run())
            tasks.create_task(self.components.control.follow(self.components.cluster.note_ended))
            for reader in self.components.readers:
                tasks.create_task(reader.run())


@asynccontextmanager
async def build_gateway(
    settings: Settings, *, clock: Clock | None = None
) -> AsyncIterator[Gateway]:
    """Build a gateway; the end of the block closes everything in reverse order."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        # One thread, so that uploads cannot slow predictions down.
        compute = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="uploads"))
        tracer = await enter(
            open_tracing(settings.tracing, service="gateway", instance=settings.id)
        )
        clients = await enter(open_clients(settings))
        decoders = await enter(open_decoders(new_decoder_limits(settings)))
        probe = KafkaProbe(clients.metadata_client)
        outcome_log = await enter(open_outcome_log(settings, clients, probe, clock))
        predictions = new_prediction_service(settings, clients, outcome_log, probe, clock, tracer)
        cluster = ClusterView()
        images = new_labelled_images(settings, clients)
        control = new_control_plane(settings, clients.control, images, cluster, decoders, compute)
        readers = new_readers(settings, predictions, control, cluster)
        lag = new_group_lag(settings, clients, predictions)
        components = Components(
            predictions, control, cluster, probe, lag, decoders, readers, tracer
        )
        yield Gateway(new_asgi_app(settings, components, clock), components, clients)


async def serve_gateway(settings: Settings, stop: asyncio.Event) -> None:
    """Run a gateway and its HTTP server until `stop`."""
    async with (
        watched_loop(settings.loop_stuck_after_s),
        build_gateway(settings) as gateway,
        asyncio.TaskGroup() as tasks,
    ):
        following = tasks.create_task(gateway.run())
        connections = new_connections(new_connection_limits(settings))
        await serve(
            gateway.app, host=settings.host, port=settings.port, stop=stop, http=connections
        )
        following.cancel()


def run_gateway(*, insecure: bool = False) -> None:
    """Run the gateway from environment settings until SIGINT or SIGTERM."""
    settings = read_settings(Settings, **({"insecure": True} if insecure else {}))
    refuse_unsafe_start(settings)
    configure_logs(settings.id, level=settings.log_level)
    run_service(lambda stop: serve_gateway(settings, stop))
