"""The systems that are compared: how each is installed, started and asked."""

import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.compare.load import INPUT_TOPIC, MODEL, OUTPUT_TOPIC, BenchTarget
from bench.compare.records import (
    IN_PROCESS,
    LITSERVE,
    MLSERVER_KAFKA,
    MLSERVER_REST,
    NO_OP,
    NO_OP_CELLS,
    SEED_FUNCTION,
    SEED_PREDICT,
    THIS_SYSTEM,
)
from bench.compare.running import Launch, ProgramCommand, Scaling
from embedded.kafka.readiness import wait_for_kafka
from embedded.ports import LOOPBACK, free_ports, is_free
from shared.kafka.settings import KafkaSettings

REPOSITORY = Path(__file__).resolve().parents[2]
_SOURCES = (
    REPOSITORY,
    REPOSITORY / "shared" / "src",
    REPOSITORY / "services" / "inference-worker" / "src",
)
_BATCH = 16
_KAFKA_START_S = 60.0
_PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class BenchPaths:
    """What all systems are given: a bundle, a folder to work in, how many cores there are."""

    bundle: Path
    folder: Path
    cores: int


def new_this_system(paths: BenchPaths) -> Launch:
    """Start `make up`'s own stack on free ports, a worker a core."""
    gateway, registry, trainer, kafka, controller = free_ports(5)
    workers = _free_run(paths.cores + 1)
    data = paths.folder / "stack"
    environment = {
        "PNEUMO_DATA": str(data),
        "WORKERS": str(paths.cores),
        "UI": "0",
        "PNEUMO_REGISTRY_SEED_BUNDLE": str(paths.bundle),
        "PNEUMO_GATEWAY_PORT": str(gateway),
        "PNEUMO_REGISTRY_PORT": str(registry),
        "PNEUMO_TRAINER_PORT": str(trainer),
        "PNEUMO_WORKER_PORT": str(workers),
        "PNEUMO_KAFKA_PORT": str(kafka),
        "PNEUMO_KAFKA_CONTROLLER_PORT": str(controller),
    }
    argv = (sys.executable, "-m", "embedded", "up")
    up = ProgramCommand(argv, environment, lambda: _remove(data))
    target = BenchTarget("multipart", LOOPBACK, gateway)
    more = (sys.executable, "-m", "embedded", "scale", str(paths.cores + 1))
    ready = f"http://{LOOPBACK}:{workers + paths.cores}/health/ready"
    scaling = Scaling(more, ready, environment)
    return Launch(
        THIS_SYSTEM,
        (up,),
        target,
        data,
        freezes=False,
        ready_line="Ready after",
        scaling=scaling,
    )


def new_no_op(paths: BenchPaths) -> Launch:
    """Start this system with workers that neither decode nor infer: what HTTP and Kafka cost."""
    launch = new_this_system(paths)
    no_engine = {"PNEUMO_WORKER_ENGINE": "noop"}
    commands = tuple(
        replace(one, environment={**one.environment, **no_engine}) for one in launch.commands
    )
    return replace(
        launch, name=NO_OP, commands=commands, is_checked=False, only=frozenset(NO_OP_CELLS)
    )


def new_seed(name: str, way: str) -> Callable[[BenchPaths], Launch]:
    """Start the first version's way: Keras inside the request."""

    def new(paths: BenchPaths) -> Launch:
        return _module_on_port(paths, name, "seed_server", "--way", way)

    return new


def new_in_process(paths: BenchPaths) -> Launch:
    """Start FastAPI with OpenVINO in its threads; as many streams as cores."""
    cores = str(paths.cores)
    options = ("--threads", cores, "--streams", cores)
    return _module_on_port(paths, IN_PROCESS, "openvino_server", *options)


def new_litserve(paths: BenchPaths) -> Launch:
    """Start LitServe with an inference worker a core."""
    python = ensure_environment("litserve", paths.folder) / "python"
    options = ("--workers", str(paths.cores), "--threads", "1", "--batch", str(_BATCH))
    return _module_on_port(paths, LITSERVE, "lit_server", *options, python=python)


def new_mlserver_rest(paths: BenchPaths) -> Launch:
    """Start MLServer with adaptive batching and an inference worker a core."""
    command, port = _mlserver(paths, MLSERVER_REST, {})
    return Launch(MLSERVER_REST, (command,), BenchTarget("v2-rest", LOOPBACK, port))


def new_mlserver_kafka(paths: BenchPaths) -> Launch:
    """Start a broker as `make up` does, its topics, and MLServer between them."""
    port, controller = free_ports(2)
    address = f"{LOOPBACK}:{port}"
    data = paths.folder / "mlserver-broker"
    argv = (sys.executable, "-m", "bench.peers.broker", str(data), str(port), str(controller))
    broker = ProgramCommand(argv, _on_path(), lambda: _remove(data))
    settings = {"kafka_enabled": True, "kafka_servers": address}
    server, _ = _mlserver(paths, MLSERVER_KAFKA, settings, lambda: create_topics(address))
    target = BenchTarget("v2-kafka", LOOPBACK, port)
    return Launch(MLSERVER_KAFKA, (broker, server), target, freezes=False)


def create_topics(address: str) -> None:
    """Wait for the broker and make MLServer's two topics."""

    async def create() -> None:
        settings = KafkaSettings(bootstrap_servers=address)
        await wait_for_kafka(settings, timeout_s=_KAFKA_START_S)
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        topics = [NewTopic(name, _PARTITIONS, 1) for name in (INPUT_TOPIC, OUTPUT_TOPIC)]
        await admin.create_topics(topics)
        await admin.close()

    asyncio.run(create())


LAUNCHES: Mapping[str, Callable[[BenchPaths], Launch]] = {
    THIS_SYSTEM: new_this_system,
    NO_OP: new_no_op,
    SEED_PREDICT: new_seed(SEED_PREDICT, "predict"),
    SEED_FUNCTION: new_seed(SEED_FUNCTION, "function"),
    IN_PROCESS: new_in_process,
    MLSERVER_REST: new_mlserver_rest,
    MLSERVER_KAFKA: new_mlserver_kafka,
    LITSERVE: new_litserve,
}


def _module_on_port(
    paths: BenchPaths, name: str, module: str, *options: str, python: Path | None = None
) -> Launch:
    (port,) = free_ports(1)
    start = (str(python or sys.executable), "-m", f"bench.peers.{module}")
    command = ProgramCommand((*start, str(paths.bundle), str(port), *options), _on_path())
    return Launch(name, (command,), BenchTarget("multipart", LOOPBACK, port))


def _mlserver(
    paths: BenchPaths,
    name: str,
    settings: Mapping[str, object],
    before: Callable[[], None] = lambda: None,
) -> tuple[ProgramCommand, int]:
    port, grpc, metrics = free_ports(3)
    folder = paths.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    server = {
        "host": LOOPBACK,
        "http_port": port,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "parallel_workers": paths.cores,
        "debug": False,
    }
    model = {
        "name": MODEL,
        "implementation": "bench.peers.mlserver_model.MlserverModel",
        "max_batch_size": _BATCH,
        "max_batch_time": 0.002,
        "parameters": {"extra": {"bundle": str(paths.bundle), "threads": 1, "streams": 1}},
    }
    (folder / "settings.json").write_text(json.dumps(server | dict(settings)))
    (folder / "model-settings.json").write_text(json.dumps(model))
    binary = ensure_environment("mlserver", paths.folder) / "mlserver"
    return ProgramCommand((str(binary), "start", str(folder)), _on_path(), before), port


def _on_path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(str(path) for path in _SOURCES)}


def _remove(folder: Path) -> None:
    """Let a system begin with nothing stored: rounds must not differ by what is on disk."""
    shutil.rmtree(folder, ignore_errors=True)


def _free_run(count: int) -> int:
    """Return a port that is free together with the next ones."""
    while True:
        (first,) = free_ports(1)
        if all(is_free(first + n) for n in range(1, count)):
            return first


PEERS = Path(__file__).resolve().parents[1] / "peers"
_STAMP = ".requirements.sha256"


def ensure_environment(peer: str, folder: Path) -> Path:
    """Return the bin folder of a peer's environment; installed again when its pins change.

    Raises SystemExit with a sentence if pip cannot install it.
    """
    requirements = PEERS / f"{peer}.txt"
    place = folder / peer
    stamp, wanted = place / _STAMP, hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print(f"Installing {peer} into {place} (once) ...", flush=True)
        _run(sys.executable, "-m", "venv", "--clear", str(place))
        pip = (str(place / "bin" / "python"), "-m", "pip", "install", "--quiet")
        _run(*pip, "--disable-pip-version-check", "--require-hashes", "-r", str(requirements))
        stamp.write_text(wanted)
    return place / "bin"


def _run(*command: str) -> None:
    if subprocess.run(command, check=False).returncode != 0:
        raise SystemExit(f"This failed: {' '.join(command)}")
