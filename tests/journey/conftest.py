"""The whole system as processes, on a real broker, with the shipped bundle."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from embedded.ports import free_ports
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
def stack(kafka_settings, tmp_path, settings) -> Iterator[Stack]:
    registry_port, gateway_port, *worker_ports = free_ports(4)
    shared = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{registry_port}",
        **settings,
    }
    registry_env = {
        "PNEUMO_REGISTRY_PORT": str(registry_port),
        "PNEUMO_REGISTRY_DATA_DIR": str(tmp_path / "registry"),
        "PNEUMO_REGISTRY_SEED_BUNDLE": str(BUNDLE),
    }

    def worker_env(n: int, port: int) -> dict[str, str]:
        return {
            "PNEUMO_WORKER_PORT": str(port),
            "PNEUMO_WORKER_ID": f"worker-{n}",
            "PNEUMO_WORKER_CACHE_DIR": str(tmp_path / f"worker-{n}"),
        }

    with ExitStack() as parts:

        def start(package: str, port: int, env: dict[str, str]) -> ServiceProcess:
            log = tmp_path / f"{package}-{port}.log"
            return parts.enter_context(running(package, port, shared | env, log))

        def start_trainer() -> ServiceProcess:
            (port,) = free_ports(1)
            env = {
                "PNEUMO_TRAINER_PORT": str(port),
                "PNEUMO_TRAINER_CACHE_DIR": str(tmp_path / "trainer"),
                "PNEUMO_TRAINER_LEASE_S": "3",
            }
            trainer = start("trainer", port, env)
            trainer.wait_ready()
            return trainer

        registry = start("registry", registry_port, registry_env)
        gateway = start("gateway", gateway_port, {"PNEUMO_GATEWAY_PORT": str(gateway_port)})
        workers = [
            start("inference_worker", port, worker_env(n, port))
            for n, port in enumerate(worker_ports)
        ]
        for process in (registry, gateway, *workers):
            process.wait_ready()
        yield Stack(registry, gateway, workers, start_trainer)
