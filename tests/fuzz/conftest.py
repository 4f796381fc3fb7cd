"""The real path of a request, as processes: registry, gateway and worker on a real broker."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from embedded.ports import free_ports
from shared.testing.processes import ServiceProcess, running

BUNDLE = Path(__file__).parents[2] / "models" / "baseline"


@dataclass(frozen=True)
class Stack:
    """What is fuzzed, and what must be alive afterwards."""

    registry: ServiceProcess
    gateway: ServiceProcess
    worker: ServiceProcess

    @property
    def processes(self) -> tuple[ServiceProcess, ...]:
        return (self.registry, self.gateway, self.worker)


@pytest.fixture
def stack(kafka_settings, tmp_path) -> Iterator[Stack]:
    registry_port, gateway_port, worker_port = free_ports(3)
    shared = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{registry_port}",
    }
    programs = (
        (
            "registry",
            registry_port,
            {
                "PNEUMO_REGISTRY_PORT": str(registry_port),
                "PNEUMO_REGISTRY_DATA_DIR": str(tmp_path / "registry"),
                "PNEUMO_REGISTRY_SEED_BUNDLE": str(BUNDLE),
            },
        ),
        ("gateway", gateway_port, {"PNEUMO_GATEWAY_PORT": str(gateway_port)}),
        (
            "inference_worker",
            worker_port,
            {
                "PNEUMO_WORKER_PORT": str(worker_port),
                "PNEUMO_WORKER_CACHE_DIR": str(tmp_path / "worker"),
            },
        ),
    )
    with ExitStack() as parts:
        started = [
            parts.enter_context(running(package, port, shared | env, tmp_path / f"{package}.log"))
            for package, port, env in programs
        ]
        for process in started:
            process.wait_ready()
        yield Stack(*started)
