"""The whole system as processes on a real broker, once for all of the client's tests."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from embedded.ports import free_ports
from embedded.testing import new_topics
from shared.testing.images import new_variant
from shared.testing.processes import running

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*.jpeg"))


@pytest.fixture(scope="session")
def gateway_url(kafka_broker, tmp_path_factory) -> Iterator[str]:
    """Give the address of a gateway with a registry, a worker and a trainer behind it."""
    kafka = asyncio.run(new_topics(kafka_broker))
    folder = tmp_path_factory.mktemp("stack")
    ports = dict(zip(("registry", "gateway", "worker", "trainer"), free_ports(4), strict=True))
    common = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{ports['registry']}",
        "PNEUMO_REGISTRY_DATA_DIR": str(folder / "registry"),
        "PNEUMO_REGISTRY_SEED_BUNDLE": str(ROOT / "models" / "baseline"),
        "PNEUMO_WORKER_ID": "worker-0",
        "PNEUMO_WORKER_CACHE_DIR": str(folder / "worker"),
        "PNEUMO_TRAINER_CACHE_DIR": str(folder / "trainer"),
        **{f"PNEUMO_{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
    packages = {"worker": "inference_worker"}
    with ExitStack() as parts:
        processes = {
            name: parts.enter_context(
                running(packages.get(name, name), port, common, folder / f"{name}.log")
            )
            for name, port in ports.items()
        }
        for process in processes.values():
            process.wait_ready()
        yield processes["gateway"].url


@pytest.fixture
def new_variants() -> Callable[[int, int], list[tuple[str, bytes]]]:
    """Give composites a little turned, moved and lit, with their labels: new pictures."""
    return lambda count, first_seed: [
        (sample.name.split("-")[0], new_variant(sample, first_seed + n))
        for n, sample in zip(range(count), SAMPLES * count, strict=False)
    ]


@pytest.fixture
def new_pneumo(gateway_url) -> Callable[..., subprocess.Popen]:
    """Start the command line with a gateway of its own; its output is captured as text."""
    children: list[subprocess.Popen] = []

    def start(*arguments: object, url: str = gateway_url) -> subprocess.Popen:
        child = subprocess.Popen(
            [sys.executable, "-m", "pneumo", *map(str, arguments)],
            env={**os.environ, "PNEUMO_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that began these tests in the background had them ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def pneumo(new_pneumo) -> Callable[..., tuple[int, str, str]]:
    """Run the command line; its exit code, what it printed, and what it said on stderr."""

    def run(*arguments: object, **more: str) -> tuple[int, str, str]:
        child = new_pneumo(*arguments, **more)
        out, err = child.communicate(timeout=150)
        assert "Traceback" not in err, err
        return child.returncode, out, err

    return run
