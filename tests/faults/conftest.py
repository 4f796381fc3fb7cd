"""A whole system of real processes, a constant load, and the auditor's judgement at the end."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from embedded.kafka.cluster import Cluster
from embedded.kafka.process import RestartableBroker
from embedded.ports import free_ports
from operations.core.audit import Report
from operations.main.audit import new_auditor
from shared.clock import SystemClock
from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings
from shared.testing.images import new_jpeg
from shared.testing.load import ConstantLoad
from shared.testing.processes import ServiceProcess, running

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "models" / "baseline"
MEASURED = Path(os.environ.get("PNEUMO_FAULTS_MEASURED", ROOT / "build" / "faults.jsonl"))


@dataclass
class System:
    """The services over one broker; each start_… returns a process that is not yet ready."""

    kafka: KafkaSettings
    folder: Path
    parts: ExitStack
    registry_port: int
    workers: dict[str, ServiceProcess] = field(default_factory=dict)
    gateways: list[ServiceProcess] = field(default_factory=list)
    restarts: int = 0

    def start_registry(self, **env: str) -> ServiceProcess:
        own = {
            "PNEUMO_REGISTRY_PORT": str(self.registry_port),
            "PNEUMO_REGISTRY_DATA_DIR": str(self.folder / "registry"),
            "PNEUMO_REGISTRY_SEED_BUNDLE": str(BUNDLE),
        }
        return self._start("registry", self.registry_port, own | env)

    def start_gateway(self, **env: str) -> ServiceProcess:
        (port,) = free_ports(1)
        gateway = self._start("gateway", port, {"PNEUMO_GATEWAY_PORT": str(port)} | env)
        self.gateways.append(gateway)
        return gateway

    def start_worker(self, id_: str, **env: str) -> ServiceProcess:
        (port,) = free_ports(1)
        own = {
            "PNEUMO_WORKER_PORT": str(port),
            "PNEUMO_WORKER_ID": id_,
            "PNEUMO_WORKER_CACHE_DIR": str(self.folder / id_),
            # The engine itself is no part of any fault, and compiling it takes long to restart.
            "PNEUMO_WORKER_FAULTS": "1",
            "PNEUMO_WORKER_SIMULATED_MS": "5",
        }
        self.workers[id_] = self._start("inference_worker", port, own | env)
        return self.workers[id_]

    def start_trainer(self) -> ServiceProcess:
        (port,) = free_ports(1)
        own = {
            "PNEUMO_TRAINER_PORT": str(port),
            "PNEUMO_TRAINER_CACHE_DIR": str(self.folder / "trainer"),
            "PNEUMO_TRAINER_LEASE_S": "3",
        }
        return self._start("trainer", port, own)

    def ready(self, *processes: ServiceProcess) -> None:
        for process in processes:
            process.wait_ready()

    @asynccontextmanager
    async def supervised(self, **env: str) -> AsyncIterator[None]:
        """Start a worker that ends anew, as the stack's supervisor does, for the block's length."""

        async def watch() -> None:
            while True:
                for id_, worker in list(self.workers.items()):
                    if worker.ended:
                        self.restarts += 1
                        await asyncio.to_thread(self.start_worker, id_, **env)
                await asyncio.sleep(0.1)

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def _start(self, package: str, port: int, env: dict[str, str]) -> ServiceProcess:
        shared = {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": self.kafka.topic_prefix,
            "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{self.registry_port}",
        }
        log = self.folder / f"{package}-{port}.log"
        return self.parts.enter_context(running(package, port, shared | env, log))


@contextmanager
def new_system(kafka: KafkaSettings, folder: Path) -> Iterator[System]:
    with ExitStack() as parts:
        (registry_port,) = free_ports(1)
        yield System(kafka, folder, parts, registry_port)


@pytest.fixture
def system(kafka_settings: KafkaSettings, tmp_path: Path) -> Iterator[System]:
    """Nothing runs yet; the broker is the one of the whole run."""
    with new_system(kafka_settings, tmp_path) as system:
        yield system


@pytest.fixture
def own_broker_system(
    restartable_broker: RestartableBroker, tmp_path: Path
) -> Iterator[tuple[System, RestartableBroker]]:
    """Nothing runs yet but a broker of the test's own, to stop, kill and freeze."""
    kafka = KafkaSettings(bootstrap_servers=restartable_broker.bootstrap_servers)
    asyncio.run(create_topics(kafka))
    with new_system(kafka, tmp_path) as system:
        yield system, restartable_broker


@pytest.fixture
def cluster_system(kafka_cluster: Cluster, tmp_path: Path) -> Iterator[tuple[System, Cluster]]:
    """Nothing runs yet but three brokers of the test's own; every topic has three copies."""
    servers = kafka_cluster.bootstrap_servers
    kafka = KafkaSettings(bootstrap_servers=servers, replication_factor=3)
    asyncio.run(create_topics(kafka))
    with new_system(kafka, tmp_path) as system:
        yield system, kafka_cluster


@pytest.fixture
def serving() -> Callable[..., System]:
    """Start registry, one gateway and so many workers, and wait until all are ready."""

    def start(system: System, *, workers: int = 2, gateways: int = 1, **env: str) -> System:
        parts = [system.start_registry()]
        parts += [system.start_gateway() for _ in range(gateways)]
        parts += [system.start_worker(f"worker-{n}", **env) for n in range(workers)]
        system.ready(*parts)
        return system

    return start


@pytest.fixture
def new_load() -> Callable[..., ConstantLoad]:
    """Make a load on a system's gateways; not running yet."""

    def make(system: System, **options) -> ConstantLoad:
        images = [new_jpeg(seed=n) for n in range(16)]
        options = {"rate": 20} | options
        return ConstantLoad([gateway.url for gateway in system.gateways], images, **options)

    return make


@dataclass
class Judge:
    """Reads the topics, demands the invariant, and notes what was measured."""

    fault: str
    since_ms: int
    started_s: float

    async def demand(self, system: System, **noted: object) -> Report:
        """Wait until nothing is pending; fail unless accepted and terminal are the same ids."""
        async with new_auditor(system.kafka, since_ms=self.since_ms) as auditor:
            report = await auditor.look_until_settled()
        self._note(report, noted)
        assert report.accepted, "the load accepted nothing: this test shows nothing"
        assert report.sound, report
        ended = report.succeeded + report.expired + sum(report.failed.values())
        assert report.accepted == ended
        return report

    def _note(self, report: Report, noted: dict[str, object]) -> None:
        MEASURED.parent.mkdir(parents=True, exist_ok=True)
        line = {
            "test": self.fault,
            "accepted": report.accepted,
            "succeeded": report.succeeded,
            "failed": report.failed,
            "expired": report.expired,
            "lost": len(report.lost),
            "contradicted": len(report.contradicted),
            "repeated": report.repeated,
            "longest_gap_s": round(report.longest_gap_ms / 1e3, 2),
            "longest_answer_s": round(report.longest_answer_ms / 1e3, 2),
            "took_s": round(time.monotonic() - self.started_s, 1),
            **noted,
        }
        with MEASURED.open("a") as stream:
            stream.write(json.dumps(line) + "\n")


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    return Judge(request.node.name, SystemClock().now_ms(), time.monotonic())
