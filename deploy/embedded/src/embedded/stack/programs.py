"""What runs: a table of programs, each with its command, its variables and its ports."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from embedded.ports import LOOPBACK
from embedded.stack.settings import StackSettings

KAFKA = "kafka"
REGISTRY = "registry"
GATEWAY = "gateway"
TRAINER = "trainer"
WORKER = "inference-worker"
UI = "ui"


@dataclass(frozen=True, slots=True)
class Port:
    """A loopback port and the setting that moves it."""

    number: int
    setting: str


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process; the first port, where there is one, is the one it answers on."""

    name: str
    command: Sequence[str]
    ports: Sequence[Port]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_order: int = 0
    """Higher stops earlier."""
    stop_wait_s: int = 20
    """Time to finish what is in hand before SIGKILL, seconds."""
    ready_path: str = "/health/ready"
    """Where it says 200 once it is ready."""

    @property
    def address(self) -> str:
        """Give where it answers, as people type it."""
        return f"http://{LOOPBACK}:{self.ports[0].number}"

    @property
    def ready_address(self) -> str:
        """Give where it says whether it is ready."""
        return f"{self.address}{self.ready_path}"


def kafka_program(settings: StackSettings, command: Sequence[str]) -> Program:
    """Describe the embedded broker; it stops last, because everybody says goodbye through it."""
    ports = (
        Port(settings.kafka_port, "PNEUMO_KAFKA_PORT"),
        Port(settings.kafka_controller_port, "PNEUMO_KAFKA_CONTROLLER_PORT"),
    )
    return Program(KAFKA, command, ports, stop_order=0, stop_wait_s=30)


def service_programs(settings: StackSettings) -> tuple[Program, ...]:
    """Describe the services, in the order in which they start, and the web UI if it is wanted."""
    return (
        _registry(settings),
        *(worker_program(settings, index) for index in range(settings.workers)),
        _gateway(settings),
        _trainer(settings),
        *((_ui(settings),) if settings.ui else ()),
    )


def worker_program(settings: StackSettings, index: int) -> Program:
    """Describe the worker of this index; each has its own port, id and cache."""
    port = Port(settings.worker_port + index, "PNEUMO_WORKER_PORT")
    own = {
        "PNEUMO_WORKER_PORT": str(port.number),
        "PNEUMO_WORKER_ID": f"worker-{index}",
        "PNEUMO_WORKER_CACHE_DIR": str(settings.data / "workers" / str(index)),
    }
    environment = _shared_environment(settings) | own
    return Program(
        f"{WORKER}-{index}", _module("inference_worker"), (port,), environment, stop_order=2
    )


def _registry(settings: StackSettings) -> Program:
    port = Port(settings.registry_port, "PNEUMO_REGISTRY_PORT")
    own = {
        "PNEUMO_REGISTRY_PORT": str(port.number),
        "PNEUMO_REGISTRY_DATA_DIR": str(settings.data / "registry"),
        "PNEUMO_REGISTRY_SEED_BUNDLE": str(settings.registry_seed_bundle),
    }
    environment = _shared_environment(settings) | own
    return Program(REGISTRY, _module("registry"), (port,), environment, stop_order=1)


def _gateway(settings: StackSettings) -> Program:
    port = Port(settings.gateway_port, "PNEUMO_GATEWAY_PORT")
    environment = _shared_environment(settings) | {"PNEUMO_GATEWAY_PORT": str(port.number)}
    # First to stop: it answers what it has accepted while the workers still run.
    return Program(GATEWAY, _module("gateway"), (port,), environment, stop_order=3)


def _trainer(settings: StackSettings) -> Program:
    port = Port(settings.trainer_port, "PNEUMO_TRAINER_PORT")
    own = {
        "PNEUMO_TRAINER_PORT": str(port.number),
        "PNEUMO_TRAINER_CACHE_DIR": str(settings.data / "trainer"),
    }
    return Program(
        TRAINER, _module("trainer"), (port,), _shared_environment(settings) | own, stop_order=2
    )


def _ui(settings: StackSettings) -> Program:
    port = Port(settings.ui_port, "PNEUMO_UI_PORT")
    own = {
        "PNEUMO_UI_PORT": str(port.number),
        "PNEUMO_UI_SAMPLES": str(settings.samples),
        "PNEUMO_URL": f"http://{LOOPBACK}:{settings.gateway_port}",
        "PYTHONUNBUFFERED": "1",
    }
    ready_path = "/_stcore/health"
    return Program(UI, _module("ui"), (port,), own, stop_order=3, ready_path=ready_path)


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


def _shared_environment(settings: StackSettings) -> dict[str, str]:
    # Everything else (KAFKA_SASL_*, PNEUMO_*) is inherited, so no secret enters a file.
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "PNEUMO_REGISTRY_URL": f"http://{LOOPBACK}:{settings.registry_port}",
        "PYTHONUNBUFFERED": "1",
    }
