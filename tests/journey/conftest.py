"""The whole system as processes, on a real broker, with the shipped bundle."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from embedded.ports import free_ports
from shared.kafka.settings import KafkaSettings
from shared.testing.processes import ServiceProcess, running

BUNDLE = Path(__file__).parents[2] / "models" / "baseline"


@dataclass(frozen=True)
class Stack:
    """start_trainer: starts one more and waits until it is ready."""

    registry: ServiceProcess
    gateway: ServiceProcess
    workers: list[ServiceProcess]
    start_trainer: Callable[[], ServiceProcess]


@pytest.fixture
def settings() -> dict[str, str]:
    """Give what the services are told beside the needful; a module may have its own."""
    return {}


@pytest.fixture
def start_stack(settings) -> Iterator[Callable[..., Stack]]:
    """Give a function that starts a stack; its registry keeps what it has in folder/registry."""
    with ExitStack() as parts:

        def start_stack(kafka: KafkaSettings, folder: Path, *, workers: int = 2) -> Stack:
            return _started(kafka, folder, settings, parts, workers)

        yield start_stack


@pytest.fixture
def stack(kafka_settings, tmp_path, start_stack) -> Stack:
    return start_stack(kafka_settings, tmp_path)


def _started(
    kafka: KafkaSettings, folder: Path, settings: dict[str, str], parts: ExitStack, workers: int
) -> Stack:
    registry_port, gateway_port, *worker_ports = free_ports(2 + workers)
    shared = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{registry_port}",
        **settings,
    }

    def start(package: str, port: int, **env: str) -> ServiceProcess:
        log = folder / f"{package}-{port}.log"
        return parts.enter_context(running(package, port, shared | env, log))

    def start_worker(n: int, port: int) -> ServiceProcess:
        return start(
            "inference_worker",
            port,
            PNEUMO_WORKER_PORT=str(port),
            PNEUMO_WORKER_ID=f"worker-{n}",
            PNEUMO_WORKER_CACHE_DIR=str(folder / f"worker-{n}"),
        )

    def start_trainer() -> ServiceProcess:
        (port,) = free_ports(1)
        trainer = start(
            "trainer",
            port,
            PNEUMO_TRAINER_PORT=str(port),
            PNEUMO_TRAINER_CACHE_DIR=str(folder / "trainer"),
            PNEUMO_TRAINER_LEASE_S="3",
        )
        trainer.wait_ready()
        return trainer

    registry = start(
        "registry",
        registry_port,
        PNEUMO_REGISTRY_PORT=str(registry_port),
        PNEUMO_REGISTRY_DATA_DIR=str(folder / "registry"),
        PNEUMO_REGISTRY_SEED_BUNDLE=str(BUNDLE),
    )
    gateway = start("gateway", gateway_port, PNEUMO_GATEWAY_PORT=str(gateway_port))
    at_work = [start_worker(n, port) for n, port in enumerate(worker_ports)]
    for process in (registry, gateway, *at_work):
        process.wait_ready()
    return Stack(registry, gateway, at_work, start_trainer)
